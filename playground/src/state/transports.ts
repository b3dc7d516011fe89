// The ways to the gateway. SockJS tries its own in turn when none is picked.
import type { OpenSocket } from "@talk-and-travel/chat-events";
import SockJS from "sockjs-client";

export const TRANSPORTS = {
  websocket: "WebSocket",
  sockjs: "SockJS, its choice",
  "sockjs-websocket": "SockJS websocket",
  "xhr-streaming": "SockJS xhr-streaming",
  eventsource: "SockJS eventsource",
  "xhr-polling": "SockJS xhr-polling",
  "jsonp-polling": "SockJS jsonp-polling",
} as const;

export type Transport = keyof typeof TRANSPORTS;

export const isTransport = (text: string | null): text is Transport => text !== null && text in TRANSPORTS;

/** The gateway that served this page. */
const HOST = location.host;
const SECURE = location.protocol === "https:" ? "s" : "";

export const webSocketUrl = `ws${SECURE}://${HOST}/ws`;
export const sockJsUrl = `http${SECURE}://${HOST}/ws`;

/** SockJS's own names of the transports that it may use; none for a raw WebSocket. */
export const sockJsTransports = (transport: Transport): string[] | undefined => {
  if (transport === "websocket") return undefined;
  if (transport === "sockjs") return [];
  return [transport === "sockjs-websocket" ? "websocket" : transport];
};

/** Where a client with this transport connects, and how. */
export const roadOf = (transport: Transport): { url: string; openSocket?: OpenSocket } => {
  const transports = sockJsTransports(transport);
  if (transports === undefined) return { url: webSocketUrl };
  const options = transports.length === 0 ? {} : { transports };
  return { url: sockJsUrl, openSocket: () => new SockJS(sockJsUrl, null, options) as never };
};
