// Commands as promises. One settles when it is known what became of it: stored and published, refused for good, or
// given up within bounds. Between attempts it keeps its idempotency-key, so it takes effect at most once.
import { type Backoff, backoffMs, pause } from "./waiting.js";
import { CommandError, type CommandErrorCode, type Refusal } from "./refusal.js";

/** What a user can do, as the last part of the destination. */
export type Verb = "joinChat" | "leaveChat" | "startTyping" | "stopTyping";

/** How long and how often a command is tried. */
export interface Patience {
  /** Most attempts. */
  readonly attemptsMax: number;
  /** Longest time in all, in milliseconds. */
  readonly deadlineMs: number;
}

/** A membership matters as long as somebody waits for it. */
export const MEMBERSHIP_PATIENCE: Patience = { attemptsMax: 8, deadlineMs: 60_000 };
/** Who typed ten seconds ago is of no interest; the server would call it `EXPIRED`. */
export const TYPING_PATIENCE: Patience = { attemptsMax: 3, deadlineMs: 8_000 };

/** Commands of one client that are not settled; further ones are refused at once. */
const PENDING_MAX = 256;
/** Longest wait for an answer to one attempt, in milliseconds: longer than the gateway's own deadline. */
const ANSWER_MAX_MS = 15_000;
/** Waits between attempts. */
const BACKOFF: Backoff = { firstMs: 250, maxMs: 5_000 };

/** How a command succeeded. */
export interface CommandReceipt {
  readonly idempotencyKey: string;
  /** How often it was sent. */
  readonly attempts: number;
  /** From the last attempt to its RECEIPT, in milliseconds. */
  readonly latencyMs: number;
}

/** What a command is sent on. */
export interface Wire {
  /** Whether there is a connection within so many milliseconds; false at once when none is going to be. */
  connected(waitMaxMs: number): Promise<boolean>;
  send(destination: string, body: string, headers: Record<string, string>): void;
}

type Answer = { kind: "receipt" } | { kind: "refused"; refusal: Refusal } | { kind: "lost" };

/** The commands of one client. */
export class Commands {
  private readonly awaited = new Map<string, (answer: Answer) => void>();
  /** The last command of each chat that is not settled. */
  private readonly tails = new Map<number, Promise<unknown>>();
  private pending = 0;
  private receipts = 0;

  constructor(
    private readonly wire: Wire,
    private readonly authorId: number | undefined,
  ) {}

  /**
   * Does it, after every earlier command of the same chat is settled: a JOIN that is tried again must not overtake
   * the LEAVE behind it.
   *
   * @throws CommandError when it failed for good.
   */
  async perform(verb: Verb, chatId: number, patience: Patience, key = randomKey()): Promise<CommandReceipt> {
    if (this.pending >= PENDING_MAX) {
      throw new CommandError("NOT_SENT", `${PENDING_MAX} commands are waiting already`, 0, key);
    }
    this.pending += 1;
    const deadline = performance.now() + patience.deadlineMs;
    const before = this.tails.get(chatId) ?? Promise.resolve();
    const result = before.then(() => this.attempts(verb, chatId, patience.attemptsMax, deadline, key));
    const tail = result.catch(() => {});
    this.tails.set(chatId, tail);
    try {
      return await result;
    } finally {
      this.pending -= 1;
      if (this.tails.get(chatId) === tail) this.tails.delete(chatId);
    }
  }

  private async attempts(
    verb: Verb,
    chatId: number,
    attemptsMax: number,
    deadline: number,
    key: string,
  ): Promise<CommandReceipt> {
    const left = (): number => deadline - performance.now();
    let refusal: Refusal | undefined;
    let mayHaveHappened = false;
    let attempts = 0;
    while (attempts < attemptsMax && left() > 0 && (await this.wire.connected(left()))) {
      attempts += 1;
      const sent = performance.now();
      const answer = await this.attempt(verb, chatId, key, Math.min(left(), ANSWER_MAX_MS));
      if (answer.kind === "receipt") {
        return { idempotencyKey: key, attempts, latencyMs: performance.now() - sent };
      }
      refusal = answer.kind === "refused" ? answer.refusal : undefined;
      if (refusal && !refusal.retryable) {
        throw new CommandError(refusal.code, refusal.message, attempts, key, refusal);
      }
      // What was lost on its way may have arrived.
      mayHaveHappened ||= refusal === undefined || refusal.code === "OUTCOME_UNKNOWN";
      if (refusal === undefined) continue;
      const wait = Math.max(refusal.retryAfterMs ?? 0, backoffMs(BACKOFF, attempts - 1));
      await pause(Math.min(wait, Math.max(left(), 0)));
    }
    const code: CommandErrorCode = mayHaveHappened ? "OUTCOME_UNKNOWN" : (refusal?.code ?? "NOT_SENT");
    const said = refusal?.message ?? (attempts === 0 ? "There was no connection in time" : "No answer came in time");
    throw new CommandError(code, said, attempts, key, refusal);
  }

  private attempt(verb: Verb, chatId: number, key: string, answerMaxMs: number): Promise<Answer> {
    return new Promise((resolve) => {
      const receipt = `command-${(this.receipts += 1)}`;
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        this.awaited.delete(receipt);
        resolve(answer);
      };
      const timer = setTimeout(() => settle({ kind: "lost" }), answerMaxMs);
      this.awaited.set(receipt, settle);
      try {
        const body = JSON.stringify(this.authorId === undefined ? { chatId } : { authorId: this.authorId, chatId });
        this.wire.send(`/chat/events.${verb}`, body, {
          receipt,
          "idempotency-key": key,
          "content-type": "application/json",
        });
      } catch {
        // The connection went between the wait and the send.
        settle({ kind: "lost" });
      }
    });
  }

  /** A RECEIPT came; whether it was one of ours. */
  onReceipt(receipt: string): boolean {
    return this.answered(receipt, { kind: "receipt" });
  }

  /** An error MESSAGE came; whether it was about one of ours. */
  onRefusal(receipt: string | undefined, refusal: Refusal): boolean {
    return receipt !== undefined && this.answered(receipt, { kind: "refused", refusal });
  }

  /** The connection ended: nothing that waits for an answer gets one on it. */
  onDisconnected(): void {
    for (const settle of [...this.awaited.values()]) settle({ kind: "lost" });
  }

  private answered(receipt: string, answer: Answer): boolean {
    const settle = this.awaited.get(receipt);
    settle?.(answer);
    return settle !== undefined;
  }
}

/** A fresh key. Not `crypto.randomUUID`, which pages without TLS do not have. */
const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (octet) => octet.toString(16).padStart(2, "0")).join("");
