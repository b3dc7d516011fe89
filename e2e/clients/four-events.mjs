// Sends the four events and everything a client can get wrong, through @stomp/stompjs as a browser would.
//
//   node four-events.mjs URL [CHAT [USER]]     ws://HOST/ws: WebSocket · http://HOST/ws: SockJS
//
// Prints one JSON object: what was received, in order. Exit code 0: everything arrived; 1: something did not,
// and what arrived until then is printed all the same. What is right is for the caller to judge.
import { Client } from "@stomp/stompjs";
import SockJS from "sockjs-client";
import WebSocket from "ws";

const DEADLINE_MS = 20_000;
const [url, chat = "1", user = "1"] = process.argv.slice(2);
const chatId = Number(chat);
const authorId = Number(user);

const seen = { events: [], receipts: [], errors: [], unhandled: [], connected: null, protocolErrors: [], closes: 0 };

const client = new Client({
  ...(url.startsWith("http")
    ? { webSocketFactory: () => new SockJS(url) }
    : { webSocketFactory: () => new WebSocket(url, ["v12.stomp", "v11.stomp", "v10.stomp"]) }),
  reconnectDelay: 0,
  onStompError: (frame) => seen.protocolErrors.push(frame.headers.message),
  onWebSocketClose: () => (seen.closes += 1),
  onUnhandledMessage: (message) => seen.unhandled.push(message.body),
});

// Everything that is waited for ends here, and the deadline ends the waiting.
const waiting = new Set();
const until = (met) =>
  new Promise((resolve) => {
    const check = () => met() && (waiting.delete(check), resolve());
    waiting.add(check);
    check();
  });
const noticed = () => [...waiting].forEach((check) => check());

const connect = () =>
  new Promise((resolve) => {
    client.onConnect = (frame) => {
      seen.connected = frame.headers.version;
      resolve();
    };
    client.activate();
  });

const receipt = (id) => until(() => seen.receipts.includes(id));
const watch = (id) => client.watchForReceipt(id, () => (seen.receipts.push(id), noticed()));

const subscribe = async (destination, onMessage) => {
  const id = `subscribed-${destination}`;
  watch(id);
  client.subscribe(destination, (message) => (onMessage(message), noticed()), { receipt: id });
  await receipt(id);
};

// A right command: its RECEIPT and its event.
const command = async (destination, body) => {
  const id = `sent-${seen.receipts.length}-${destination}`;
  const before = seen.events.length;
  watch(id);
  client.publish({ destination, body, headers: { receipt: id } });
  await receipt(id);
  await until(() => seen.events.length > before);
};

// A wrong one: its error, and never a RECEIPT, which the caller sees from the list of receipts.
const wrong = async (what, destination, body) => {
  const before = seen.errors.length;
  const id = `wrong-${what}`;
  watch(id);
  client.publish({ destination, body, headers: { receipt: id } });
  await until(() => seen.errors.length > before);
  seen.errors.at(-1).what = what;
};

const run = async () => {
  await connect();
  await subscribe(`/countries/${chatId}/events`, ({ body, headers }) => seen.events.push({ body, headers }));
  await subscribe("/user/queue/errors", ({ body, headers }) => seen.errors.push({ body, headers }));

  const body = JSON.stringify({ authorId, chatId });
  await wrong("leave without join", "/chat/events.leaveChat", body);
  await command("/chat/events.joinChat", body);
  await wrong("second join", "/chat/events.joinChat", body);
  await wrong("no such chat", "/chat/events.joinChat", JSON.stringify({ authorId, chatId: 987654321 }));
  await wrong("no JSON", "/chat/events.joinChat", "{");
  await wrong("no object", "/chat/events.joinChat", "[]");
  await wrong("wrong type", "/chat/events.joinChat", '{"chatId":"x"}');
  await wrong("chat 0", "/chat/events.joinChat", JSON.stringify({ authorId, chatId: 0 }));
  await wrong("unknown destination", "/chat/events.dance", body);
  await command("/chat/events.startTyping", body);
  await command("/chat/events.stopTyping", body);
  await command("/chat/events.leaveChat", body);
  seen.closesBeforeTheEnd = seen.closes;
  await client.deactivate();
};

const deadline = new Promise((_, reject) => {
  setTimeout(() => reject(new Error(`not finished after ${DEADLINE_MS} ms`)), DEADLINE_MS).unref();
});
try {
  await Promise.race([run(), deadline]);
} catch (error) {
  seen.failure = String(error);
}
console.log(JSON.stringify(seen, null, 2));
process.exit(seen.failure ? 1 : 0);
