// What stompjs 2 and its descendant webstomp-client have in common: callbacks as properties of the client, which
// closes the WebSocket right behind its DISCONNECT.

// `send(destination, body, headers)` is where the two differ.
export const oldStyle = (client, heard, send) => {
  client.debug = heard.debug;
  client.onreceipt = ({ headers }) => heard.receipt(headers["receipt-id"]);
  client.onreceive = ({ body }) => heard.fault(body);
  return new Promise((resolve) => {
    const onConnect = ({ headers }) =>
      resolve({
        version: headers.version,
        subscribe: (destination, receipt, onMessage) => client.subscribe(destination, onMessage, { receipt }),
        send: (destination, body, receipt) => send(destination, body, { receipt }),
        disconnect: () =>
          new Promise((closed) => {
            client.ws.addEventListener("close", closed);
            client.disconnect();
          }),
      });
    // Told of ERROR frames and of a connection that was lost.
    client.connect({}, onConnect, (error) => heard.fault(error.headers?.message ?? "connection lost"));
  });
};
