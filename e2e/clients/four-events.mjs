// The four events, and everything a client can get wrong, through @stomp/stompjs as a browser would: for a person.
//
//   node four-events.mjs URL [CHAT [USER]]     ws://HOST/ws: WebSocket · http://HOST/ws: SockJS
import { play } from "./scenario.mjs";
import { connect } from "./stompjs.mjs";

const [url, chat = "1", user = "1"] = process.argv.slice(2);
await play(connect, { url, chat: Number(chat), user: Number(user) });
