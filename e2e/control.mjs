// The other end of e2e/tests/it/support/control.rs: asks the Rust test that started the system to break parts of it
// and to mend them. Gateways and chats are numbered from 1.
import { once } from "node:events";
import net from "node:net";
import { createInterface } from "node:readline";

// Where the gateways are, `127.0.0.1:1234` each, in their order.
export const gateways = (process.env.GATEWAYS ?? "").split(",").filter(Boolean);

// Asks for one thing and resolves when it is done: `kill 1` and `stop 1` (a gateway, without and with warning),
// `start 1`, `prune 4 37` (a chat's events through that one, as retention does a day later).
export const ask = async (request) => {
  const [host, port] = process.env.CONTROL.split(":");
  const socket = net.connect(Number(port), host);
  socket.write(`${request}\n`);
  const [answer] = await once(createInterface(socket), "line");
  socket.destroy();
  if (answer !== "done") throw new Error(`${request}: ${answer}`);
};
