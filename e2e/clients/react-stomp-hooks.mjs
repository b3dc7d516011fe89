// react-stomp-hooks as a page uses it: its provider and its hooks, mounted by React in a page of jsdom. The URL
// alone decides: https:// is SockJS, ws:// a WebSocket without subprotocol.
import { Versions } from "@stomp/stompjs";

import { openPage } from "./page.mjs";

export const connect = async ({ url, version, heartBeatMs }, heard) => {
  const page = openPage(url);
  // React and sockjs-client look for these when they are loaded. Some versions of Node.js have a navigator that
  // can be defined anew but not assigned.
  const globals = { window: page };
  for (const name of ["document", "navigator", "location", "WebSocket", "XMLHttpRequest"]) globals[name] = page[name];
  for (const [name, value] of Object.entries(globals)) Object.defineProperty(globalThis, name, { value });
  const [{ createElement, useEffect }, { createRoot }, { StompSessionProvider, useStompClient, useSubscription }] =
    await Promise.all([import("react"), import("react-dom/client"), import("react-stomp-hooks")]);

  const root = createRoot(page.document.body);
  return new Promise((resolve) => {
    let connected;
    let closed;
    const gone = new Promise((resolve) => (closed = resolve));
    // The provider connects again when one of these is another than before.
    const session = {
      url,
      ...(version && { stompVersions: new Versions([version]) }),
      heartbeatIncoming: heartBeatMs,
      heartbeatOutgoing: heartBeatMs,
      reconnectDelay: 0,
      debug: heard.debug,
      onConnect: ({ headers }) => (connected = headers),
      onUnhandledReceipt: ({ headers }) => heard.receipt(headers["receipt-id"]),
      onUnhandledMessage: ({ body }) => heard.fault(body),
      onStompError: ({ headers }) => heard.fault(headers.message),
      onWebSocketClose: () => (heard.closed(), closed()),
    };
    const subscriptions = [];
    const render = () =>
      root.render(createElement(StompSessionProvider, session, createElement(Sender), ...subscriptions));

    const Subscription = ({ destination, receipt, onMessage }) => {
      useSubscription(destination, onMessage, { receipt });
      return null;
    };
    const Sender = () => {
      const client = useStompClient();
      useEffect(() => {
        if (!client) return;
        resolve({
          version: connected.version,
          subscribe: (destination, receipt, onMessage) => {
            subscriptions.push(createElement(Subscription, { key: destination, destination, receipt, onMessage }));
            render();
          },
          send: (destination, body, receipt) => client.publish({ destination, body, headers: { receipt } }),
          disconnect: () => (root.unmount(), gone),
        });
      }, [client]);
      return null;
    };
    render();
  });
};
