// What this window shows: which chat, which users. It is in the page's address, so that a link shows the same; tokens
// are not, since addresses end up in logs.
import { effect, signal } from "@preact/signals";

import { isTransport, type Transport } from "./transports";
import { Visitor } from "./visitor";

/** More columns than this nobody can follow. */
export const VISITORS_MAX = 6;

const asked = new URLSearchParams(location.search);
const positive = (text: string | null | undefined): number | undefined => {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
};

const transport: Transport = ((text) => (isTransport(text) ? text : "websocket"))(asked.get("transport"));
const users = (asked.get("users") ?? "1,2").split(",").map(positive).filter((user) => user !== undefined);

let keys = 0;
const visitor = (userId: number, transport: Transport): Visitor => new Visitor((keys += 1), userId, transport, chat.value);

export const chat = signal(positive(asked.get("chat")) ?? 1);
export const visitors = signal<readonly Visitor[]>(users.slice(0, VISITORS_MAX).map((user) => visitor(user, transport)));

/** Looks at another chat with every user. */
export const openChat = (chatId: number): void => {
  chat.value = chatId;
  for (const visitor of visitors.value) visitor.open(chatId);
};

/** One more user, who comes the way the last one did. */
export const addVisitor = (): void => {
  if (visitors.value.length >= VISITORS_MAX) return;
  const last = visitors.value.at(-1);
  const used = visitors.value.map(({ userId }) => userId.value);
  const added = visitor(Math.max(0, ...used) + 1, last?.transport.value ?? transport);
  added.token.value = "";
  visitors.value = [...visitors.value, added];
  added.connect();
};

export const removeVisitor = (gone: Visitor): void => {
  visitors.value = visitors.value.filter((visitor) => visitor !== gone);
  void gone.disconnect();
};

/** Connects everybody, and keeps the address up to date. */
export const start = (): void => {
  for (const visitor of visitors.value) visitor.connect();
  effect(() => {
    const query = new URLSearchParams();
    query.set("chat", String(chat.value));
    query.set("users", visitors.value.map(({ userId }) => userId.value).join(","));
    const transports = new Set(visitors.value.map(({ transport }) => transport.value));
    const [only] = transports;
    if (transports.size === 1 && only !== undefined && only !== "websocket") query.set("transport", only);
    history.replaceState(null, "", `?${query}`.replaceAll("%2C", ","));
  });
};
