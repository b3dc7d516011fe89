// The events of one chat, across as many connections as it takes.
import { backoffMs, pause } from "./waiting.js";
import type { Connection } from "./connection.js";
import { type ChatEvent, parseEvent } from "./event.js";
import type { History } from "./history.js";
import { type GapCheck, Progress } from "./progress.js";
import type { Refusal } from "./refusal.js";

/** Times a SUBSCRIBE is tried on one connection while the refusals say that it may fare better. */
const TRIES_MAX = 6;
/** Waits between them. */
const BACKOFF = { firstMs: 500, maxMs: 10_000 };
/** Most events read for one check; the rest of a longer stretch goes unchecked, which the result shows. */
const CHECK_EVENTS_MAX = 10_000;

/** A subscription that is in force. */
export interface Established {
  /** Whether it came back after a lost connection. */
  readonly resumed: boolean;
  /** The newest event seen before. */
  readonly after: number;
  /** Events that were made up for, in order, each delivered once. */
  readonly replayed: number;
  /** From SUBSCRIBE to its RECEIPT, which stands behind the last replayed event, in milliseconds. */
  readonly durationMs: number;
}

/** Who wants the events. Only `event` is a must. */
export interface ChatHandlers {
  /** Each event once, in order. */
  event(event: ChatEvent): void;
  /** The subscription is in force, from its first moment or again. */
  established?(how: Established): void;
  /** The server no longer keeps what was missed: read what is left from `oldestEventId`, or start afresh. */
  historyGone?(refusal: Refusal): void;
  /** The subscription was refused for good and is over. */
  refused?(refusal: Refusal): void;
}

/** One subscription; made by `ChatClient.subscribe`. */
export class ChatSubscription {
  private progress: Progress;
  /** Whether it is known where the chat stood when we came, so that nothing after it can be missed. */
  private anchored: boolean;
  private everEstablished = false;
  private connection: Connection | undefined;
  private tries = 0;
  private asked: { receipt: string; at: number; after: number; replayed: number } | undefined;
  private over = false;

  constructor(
    readonly chatId: number,
    private readonly id: string,
    private readonly handlers: ChatHandlers,
    private readonly history: History,
    after?: number,
  ) {
    this.progress = new Progress(after);
    this.anchored = after !== undefined;
  }

  /** The newest event seen, 0 for none: what to remember over a reload, for the `after` of the next subscription. */
  get lastEventId(): number {
    return this.progress.last;
  }

  /** Events that came more than once and were delivered once. */
  get duplicates(): number {
    return this.progress.duplicates;
  }

  /**
   * Compares what was seen after event `after` (by default: ever) with the stored history. `missing` is empty unless
   * somebody broke a promise. Not done by itself: it doubles the work of coming back, for nothing.
   */
  async check(after = 0): Promise<GapCheck> {
    const from = Math.max(after, this.progress.complete);
    const to = this.progress.last;
    const { rows } = await this.history.events(this.chatId, from, CHECK_EVENTS_MAX);
    const end = rows.length === CHECK_EVENTS_MAX ? Math.min(to, rows.at(-1)!.id) : to;
    return this.progress.compare(from, end, rows);
  }

  /** Ends it. */
  unsubscribe(): void {
    this.over = true;
    this.connection?.unsubscribe(this.id);
  }

  /** @internal A connection is there. */
  async onConnected(connection: Connection): Promise<void> {
    this.connection = connection;
    this.tries = 0;
    await this.anchor();
    this.subscribe(connection);
  }

  /** @internal The connection is gone. */
  onDisconnected(): void {
    this.connection = undefined;
    this.asked = undefined;
  }

  /** @internal A RECEIPT; whether it is ours. */
  onReceipt(receipt: string): boolean {
    if (this.asked?.receipt !== receipt) return false;
    const { at, after, replayed } = this.asked;
    this.establish({ after, replayed, durationMs: performance.now() - at });
    return true;
  }

  /** @internal An error MESSAGE; whether it is about us. */
  onRefusal(receipt: string | undefined, refusal: Refusal): boolean {
    if (this.asked === undefined || this.asked.receipt !== receipt) return false;
    if (refusal.code === "HISTORY_GONE") {
      // Live events go on; there will be no RECEIPT.
      this.progress.restart();
      this.handlers.historyGone?.(refusal);
      this.establish({ after: this.asked.after, replayed: 0, durationMs: performance.now() - this.asked.at });
    } else if (refusal.retryable && this.tries < TRIES_MAX) {
      void this.tryAgain(refusal);
    } else {
      this.over = true;
      this.handlers.refused?.(refusal);
    }
    return true;
  }

  /**
   * Without a known beginning, everything after the chat's newest event is ours. Asking for it first closes the gap
   * between now and the first event seen, should the connection be lost in between.
   */
  private async anchor(): Promise<void> {
    if (this.anchored) return;
    try {
      this.progress = new Progress((await this.history.chat(this.chatId)).lastEventId ?? 0);
      this.anchored = true;
    } catch {
      // Then it begins with the first live event, and SUBSCRIBE says what is wrong with the chat.
    }
  }

  private subscribe(connection: Connection): void {
    if (this.over || this.connection !== connection) return;
    this.tries += 1;
    const after = this.progress.last;
    const receipt = `${this.id}-${this.tries}`;
    this.asked = { receipt, at: performance.now(), after, replayed: 0 };
    // 0 is no event id; 1 is as good as the beginning of a chat without events.
    const resume = after > 0 || this.anchored ? { "last-event-id": String(after || 1) } : {};
    connection.subscribe(`/countries/${this.chatId}/events`, ({ body }) => this.onEvent(parseEvent(body)), {
      id: this.id,
      receipt,
      ...resume,
    });
  }

  private async tryAgain({ retryAfterMs = 0 }: Refusal): Promise<void> {
    const connection = this.connection;
    await pause(Math.max(retryAfterMs, backoffMs(BACKOFF, this.tries - 1)));
    if (connection !== undefined) this.subscribe(connection);
  }

  private onEvent(event: ChatEvent): void {
    if (this.over || !this.progress.accept(event)) return;
    this.anchored = true;
    if (this.asked !== undefined) this.asked.replayed += 1;
    this.handlers.event(event);
  }

  private establish(how: Omit<Established, "resumed">): void {
    this.asked = undefined;
    const resumed = this.everEstablished;
    this.everEstablished = true;
    this.handlers.established?.({ resumed, ...how });
  }
}
