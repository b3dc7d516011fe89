// The chats there are.
import { signal } from "@preact/signals";
import { type Chat, History, QueryError } from "@talk-and-travel/chat-events";

import { sockJsUrl } from "./transports";
import { visitors } from "./window";

/** Countries have one main chat each; who adds thousands more finds these by the API. */
const CHATS_MAX = 2_000;

export const chats = signal<readonly Chat[]>([]);
export const directoryProblem = signal<string | undefined>(undefined);

const problemOf = (error: unknown): string => {
  if (error instanceof QueryError && error.status === 401) return "The chats are listed for those who have a valid token.";
  return error instanceof Error ? error.message : String(error);
};

/** Reads the list, with the token of the first user who has one. */
export const readChats = async (): Promise<void> => {
  const token = (): string | undefined => visitors.value.map(({ token }) => token.value.trim()).find(Boolean);
  const history = new History(sockJsUrl.replace(/\/ws$/, "/api"), token);
  try {
    chats.value = await history.chats(CHATS_MAX);
    directoryProblem.value = undefined;
  } catch (error) {
    directoryProblem.value = problemOf(error);
  }
};

/** A country's flag as letters that fonts turn into one; where they don't, the letters remain. */
export const flagOf = (code: string): string =>
  /^[A-Z]{2}$/.test(code)
    ? String.fromCodePoint(...[...code].map((letter) => 0x1f1e6 + letter.charCodeAt(0) - 65))
    : "";
