// Runs the JavaScript program of docs/clients.md, which the test has put into a file: joins, then sends what it is told
// to, one destination a line. Prints what comes, one JSON object a line.
//
//   node recipe.mjs MODULE URL CHAT AUTHOR
import { createInterface } from "node:readline";

import WebSocket from "ws";

// What browsers have; Node.js only from 22, and `crypto` from 19.
globalThis.WebSocket = WebSocket;
globalThis.crypto ??= (await import("node:crypto")).webcrypto;

const [module, url, chatId, authorId] = process.argv.slice(2);
const { openChat } = await import(module);
const print = (what) => console.log(JSON.stringify(what));
const chat = openChat({
  url,
  chatId: Number(chatId),
  authorId: Number(authorId),
  onEvent: (event) => print({ event }),
  onError: (error) => print({ error }),
});
for await (const destination of createInterface({ input: process.stdin })) {
  chat.send(destination).then(
    () => print({ stored: destination }),
    (error) => print({ error }),
  );
}
await chat.close();
process.exit(0);
