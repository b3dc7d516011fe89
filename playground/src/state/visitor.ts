// One user of this window: a client, and what is shown of it.
import { signal } from "@preact/signals";
import {
  ChatClient,
  type ChatEvent,
  type ChatSubscription,
  type ClientState,
  CommandError,
  type CommandReceipt,
  type Established,
  type GapCheck,
  type Refusal,
  type TypingIndicator,
  type Verb,
} from "@talk-and-travel/chat-events";

import { pushed } from "./ring";
import { Room } from "./room";
import { type Transport, roadOf } from "./transports";

/** What is kept of each list; the oldest go. */
const FEED_MAX = 400;
const FRAMES_MAX = 300;
const LATENCIES_MAX = 60;

export interface FeedEntry {
  readonly event: ChatEvent;
  /** Made up for after a lost connection. */
  readonly replayed: boolean;
}

export interface Frame {
  readonly number: number;
  readonly at: Date;
  readonly direction: "in" | "out";
  readonly text: string;
}

/** What became of the last command, where it was given. */
export type Outcome =
  | { readonly kind: "waiting" }
  | { readonly kind: "done"; readonly receipt: CommandReceipt }
  | { readonly kind: "failed"; readonly error: CommandError };

/** A connection that was lost and is back. */
export interface Return {
  readonly awayMs: number;
  readonly reason: string;
  readonly how: Established;
  /** `undefined` while the history is read. */
  readonly check: GapCheck | string | undefined;
  readonly duplicates: number;
}

/** A notice as people read it. */
const noticeText = (body: string): string => {
  try {
    const { code, expiresAt } = JSON.parse(body) as { code: string; expiresAt: string };
    const end = new Date(expiresAt).toLocaleTimeString();
    return `${code}: token and session end at ${end}. Paste a fresh token, and the session goes on.`;
  } catch {
    return body; // The client's own words.
  }
};

const IDLE: ClientState = { phase: "idle" };
let frames = 0;

export class Visitor {
  readonly userId = signal(0);
  readonly transport = signal<Transport>("websocket");
  readonly token = signal("");
  readonly connection = signal<ClientState>(IDLE);
  /** Whether the chat's events come: not yet with the connection, but once the subscription is in force. */
  readonly following = signal(false);
  readonly feed = signal<readonly FeedEntry[]>([]);
  readonly frames = signal<readonly Frame[]>([]);
  readonly latencies = signal<readonly number[]>([]);
  readonly membership = signal<Outcome | undefined>(undefined);
  readonly typed = signal<Outcome | undefined>(undefined);
  /** Errors that belong to nothing on the card, and refusals of the subscription. */
  readonly problem = signal<string | undefined>(undefined);
  /** What the server has said about the session: that its token runs out. */
  readonly notice = signal<string | undefined>(undefined);
  readonly gone = signal<Refusal | undefined>(undefined);
  readonly back = signal<Return | undefined>(undefined);
  readonly room = signal(new Room());
  readonly indicator = signal<TypingIndicator | undefined>(undefined);
  private client: ChatClient | undefined;
  private subscription: ChatSubscription | undefined;
  private lost: { at: number; reason: string; duplicates: number } | undefined;
  private catchingUp = false;

  constructor(
    readonly key: number,
    userId: number,
    transport: Transport,
    private chatId: number,
  ) {
    this.userId.value = userId;
    this.transport.value = transport;
  }

  /** Whether a connection is wanted. */
  get on(): boolean {
    return !["idle", "stopped"].includes(this.connection.value.phase);
  }

  connect(): void {
    this.problem.value = this.notice.value = undefined;
    const token = this.token.value.trim();
    const client = new ChatClient({
      ...roadOf(this.transport.value),
      userId: this.userId.value,
      ...(token && { token: () => this.token.value.trim() }),
      state: (state) => this.client === client && this.onState(state),
      error: ({ code, message }) => (this.problem.value = `${code}: ${message}`),
      notice: (body) => (this.notice.value = noticeText(body)),
      frame: (direction, text) => {
        frames += 1;
        this.frames.value = pushed(this.frames.value, { number: frames, at: new Date(), direction, text }, FRAMES_MAX);
      },
    });
    this.client = client;
    this.follow(client);
    client.connect();
  }

  async disconnect(): Promise<void> {
    const client = this.client;
    this.subscription = undefined;
    this.indicator.value?.stop();
    this.indicator.value = undefined;
    this.lost = undefined;
    await client?.close();
    if (this.client !== client) return;
    this.client = undefined;
    this.connection.value = IDLE;
  }

  /** Connects anew, with what was changed. */
  async reconnect(): Promise<void> {
    if (!this.on) return this.connect();
    await this.disconnect();
    this.connect();
  }

  /** Takes up another token: shows it to the server where there is a session, else comes with it. */
  takeToken(token: string): void {
    const before = this.token.value.trim();
    this.token.value = token;
    if (!before || !token.trim() || this.connection.value.phase !== "connected") return void this.reconnect();
    this.notice.value = this.problem.value = undefined;
    this.client?.renewToken().catch((error: unknown) => (this.problem.value = String(error)));
  }

  /** Loses the connection and stays away so long. */
  drop(awayMs: number): void {
    this.client?.drop(awayMs);
  }

  /** Looks at another chat. */
  open(chatId: number): void {
    if (chatId === this.chatId) return;
    this.chatId = chatId;
    this.subscription?.unsubscribe();
    this.indicator.value?.stop();
    if (this.client !== undefined) this.follow(this.client);
  }

  join(): void {
    this.show(this.membership, this.client?.join(this.chatId));
  }

  leave(): void {
    this.show(this.membership, this.client?.leave(this.chatId));
  }

  private follow(client: ChatClient): void {
    const room = new Room();
    this.room.value = room;
    this.feed.value = [];
    this.following.value = false;
    this.membership.value = this.typed.value = this.gone.value = this.back.value = this.problem.value = undefined;
    const { chatId } = this;
    const isOurs = (): boolean => this.room.value === room;
    const subscription = client.subscribe(chatId, {
      event: (event) => isOurs() && this.onEvent(event),
      established: (how) => {
        if (!isOurs()) return;
        this.following.value = true;
        void this.onEstablished(how, subscription);
        room.list(() => client.history.members(chatId)).catch((error: unknown) => {
          this.problem.value = `Who is in could not be read. ${String(error)}`;
        });
      },
      historyGone: (refusal) => isOurs() && (this.gone.value = refusal),
      refused: ({ code, message }) => isOurs() && (this.problem.value = `${code}: ${message}`),
    });
    this.subscription = subscription;
    this.indicator.value = client.typing(chatId, (_: Verb, result) => this.show(this.typed, result));
  }

  private onState(state: ClientState): void {
    const was = this.connection.value;
    this.connection.value = state;
    if (was.phase === "connected" && state.phase === "waiting") {
      const { code, reason } = state.ending.closing;
      const duplicates = this.subscription?.duplicates ?? 0;
      this.lost = { at: performance.now(), reason: `${code} ${reason}`.trim(), duplicates };
      this.back.value = undefined;
      this.catchingUp = true;
    }
    if (state.phase === "idle" || state.phase === "stopped") this.lost = undefined;
    if (state.phase !== "connected") {
      this.notice.value = undefined;
      this.following.value = false;
    }
  }

  private onEvent(event: ChatEvent): void {
    this.feed.value = pushed(this.feed.value, { event, replayed: this.catchingUp }, FEED_MAX);
    this.room.value.onEvent(event);
  }

  private async onEstablished(how: Established, subscription: ChatSubscription): Promise<void> {
    this.catchingUp = false;
    const lost = this.lost;
    this.lost = undefined;
    if (!how.resumed || lost === undefined) return;
    const shown = {
      awayMs: performance.now() - lost.at,
      reason: lost.reason,
      how,
      duplicates: subscription.duplicates - lost.duplicates,
    };
    this.back.value = { ...shown, check: undefined };
    const check = await subscription.check(how.after).catch((error: unknown) => String(error));
    if (this.subscription === subscription) this.back.value = { ...shown, check };
  }

  /** Shows what becomes of a command, unless a later one is shown there by then. */
  private show(place: { value: Outcome | undefined }, result: Promise<CommandReceipt> | undefined): void {
    if (result === undefined) return;
    const waiting: Outcome = { kind: "waiting" };
    place.value = waiting;
    const settle = (outcome: Outcome): void => {
      if (place.value === waiting) place.value = outcome;
    };
    result.then(
      (receipt) => {
        this.latencies.value = pushed(this.latencies.value, receipt.latencyMs, LATENCIES_MAX);
        settle({ kind: "done", receipt });
      },
      (error: CommandError) => settle({ kind: "failed", error }),
    );
  }
}
