// @stomp/stompjs 7: over the WebSocket it opens itself for ws://, over sockjs-client for http://.
import { Client, Versions } from "@stomp/stompjs";
import WebSocket from "ws";

import { openSockJs } from "./sockjs.mjs";

// What browsers have; Node.js only from 22.
globalThis.WebSocket = WebSocket;

export const connect = ({ url, version, transport, heartBeatMs }, heard) => {
  let socket;
  const client = new Client({
    ...(url.startsWith("http")
      ? { webSocketFactory: () => (socket = openSockJs(url, transport)) }
      : { brokerURL: url }),
    ...(version && { stompVersions: new Versions([version]) }),
    heartbeatIncoming: heartBeatMs,
    heartbeatOutgoing: heartBeatMs,
    reconnectDelay: 0,
    debug: heard.debug,
    onStompError: ({ headers }) => heard.fault(headers.message),
    onUnhandledMessage: ({ body }) => heard.fault(body),
    onWebSocketClose: () => heard.closed(),
  });
  const watch = (id) => client.watchForReceipt(id, () => heard.receipt(id));
  return new Promise((resolve) => {
    client.onConnect = (connected) =>
      resolve({
        version: connected.headers.version,
        transport: socket?.transport,
        subscribe: (destination, receipt, onMessage) => {
          watch(receipt);
          client.subscribe(destination, onMessage, { receipt });
        },
        send: (destination, body, receipt) => {
          watch(receipt);
          client.publish({ destination, body, headers: { receipt } });
        },
        disconnect: () => client.deactivate(),
      });
    client.activate();
  });
};
