// webstomp-client, which asks for the version of the WebSocket subprotocol that the server chose.
import webstomp from "webstomp-client";
import WebSocket from "ws";

import { oldStyle } from "./old-style.mjs";

// What browsers have; Node.js only from 22.
globalThis.WebSocket = WebSocket;

export const connect = ({ url, version, heartBeatMs }, heard) => {
  const client = webstomp.client(url, {
    heartbeat: { outgoing: heartBeatMs, incoming: heartBeatMs },
    ...(version && { protocols: [`v${version.replace(".", "")}.stomp`] }),
  });
  return oldStyle(client, heard, (destination, body, headers) => client.send(destination, body, headers));
};
