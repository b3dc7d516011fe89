// stompjs 2.3.3, the one before @stomp/stompjs. It offers 1.1 and 1.0, never 1.2, and escapes nothing.
import Stomp from "stompjs";
import WebSocket from "ws";

import { oldStyle } from "./old-style.mjs";

Stomp.WebSocketClass = WebSocket;

export const connect = ({ url, version, heartBeatMs }, heard) => {
  if (version) Stomp.VERSIONS.supportedVersions = () => version;
  const client = Stomp.client(url);
  client.heartbeat = { outgoing: heartBeatMs, incoming: heartBeatMs };
  return oldStyle(client, heard, (destination, body, headers) => client.send(destination, headers, body));
};
