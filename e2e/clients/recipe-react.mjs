// Runs the React program of docs/clients.md in a page of jsdom; see recipe.mjs.
//
//   node recipe-react.mjs MODULE URL CHAT AUTHOR
import { createInterface } from "node:readline";

import { openPage } from "./page.mjs";

const [module, url, chatId, authorId] = process.argv.slice(2);
const page = openPage(url);
// React and sockjs-client look for these when they are loaded. Some versions of Node.js have a navigator that can be
// defined anew but not assigned.
const globals = { window: page };
for (const name of ["document", "navigator", "location", "WebSocket", "XMLHttpRequest"]) globals[name] = page[name];
for (const [name, value] of Object.entries(globals)) Object.defineProperty(globalThis, name, { value });
// Node.js has it only from 19.
globalThis.crypto ??= (await import("node:crypto")).webcrypto;
const [{ createElement }, { createRoot }, { StompSessionProvider }, { session, useChat }] = await Promise.all([
  import("react"),
  import("react-dom/client"),
  import("react-stomp-hooks"),
  import(module),
]);

const print = (what) => console.log(JSON.stringify(what));
const root = createRoot(page.document.body);
const send = await new Promise((resolve) => {
  const Chat = () => {
    const chat = useChat({
      chatId: Number(chatId),
      authorId: Number(authorId),
      onEvent: (event) => print({ event }),
      onError: (error) => print({ error }),
    });
    resolve(chat.send);
    return null;
  };
  root.render(createElement(StompSessionProvider, { url, ...session }, createElement(Chat)));
});
for await (const destination of createInterface({ input: process.stdin })) {
  send(destination).then(
    () => print({ stored: destination }),
    (error) => print({ error }),
  );
}
root.unmount();
process.exit(0);
