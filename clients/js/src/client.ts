// The client: keeps a connection, and everything that has to outlive one.
import type { IMessage } from "@stomp/stompjs";
import { type Backoff, backoffMs, pause, within } from "./waiting.js";
import { type Closing, mayReconnect, reconnectHintMs } from "./closing.js";
import { type CommandReceipt, Commands, MEMBERSHIP_PATIENCE, TYPING_PATIENCE, type Verb } from "./commands.js";
import { Connection, type Ending, type FrameTap, type OpenSocket } from "./connection.js";
import { History } from "./history.js";
import { type Refusal, parseRefusal } from "./refusal.js";
import { type ChatHandlers, ChatSubscription } from "./subscription.js";
import { type TypingPace, TypingIndicator } from "./typing.js";

/** Waits between attempts to connect, unless the server names one. */
const BACKOFF: Backoff = { firstMs: 1_000, maxMs: 30_000 };
/** A connection that lasted this long, in milliseconds, was no failure. */
const STABLE_MS = 5_000;
/** Shortest wait between two questions for a fresh token, in milliseconds. */
const RENEW_PAUSE_MS = 250;
/** Longest wait for a token, in milliseconds. */
const TOKEN_MAX_MS = 15_000;

/** Where the client is. */
export type ClientState =
  | { readonly phase: "idle" }
  | { readonly phase: "connecting"; readonly failures: number }
  | {
      readonly phase: "connected";
      /** What the server calls this session; logs on its side name it. */
      readonly session: string;
      /** Of STOMP. */
      readonly version: string;
      readonly server: string;
    }
  /** Will come back by itself. */
  | { readonly phase: "waiting"; readonly delayMs: number; readonly ending: Ending }
  /** Will not: `connect()` again, with something changed. */
  | { readonly phase: "stopped"; readonly ending: Ending };

/** What a client needs to know. Only `url` is a must. */
export interface ChatClientOptions {
  /** `wss://host/ws` for WebSocket; `https://host/ws` with {@link ChatClientOptions.openSocket} for SockJS. */
  readonly url: string;
  /** Opens the socket, where the browser's own WebSocket is not what is wanted: `() => new SockJS(url)`. */
  readonly openSocket?: OpenSocket;
  /** Who this is. May be left out with a token, which says so itself. */
  readonly userId?: number;
  /** A valid token; asked for at every connect, and when the server warns that the present one runs out. */
  readonly token?: () => string | Promise<string>;
  readonly state?: (state: ClientState) => void;
  /** An error MESSAGE that belongs to no command and no subscription of this client. */
  readonly error?: (refusal: Refusal) => void;
  /** A notice about the session, as the server sent it. */
  readonly notice?: (body: string) => void;
  /** Sees all text on the wire. */
  readonly frame?: FrameTap;
}

/** Talks to a gateway on behalf of one user. */
export class ChatClient {
  /** The queries over HTTP. */
  readonly history: History;
  private readonly commands: Commands;
  private readonly subscriptions = new Map<string, ChatSubscription>();
  private readonly indicators = new Set<TypingIndicator>();
  private state: ClientState = { phase: "idle" };
  /** Those who wait for a connection. */
  private readonly waiting = new Set<() => void>();
  /** SUBSCRIBEs that are about to be sent; commands let them go first, so that who joins sees it. */
  private readonly subscribing = new Set<Promise<void>>();
  private closed = false;
  private connection: Connection | undefined;
  private running: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  private token: string | undefined;
  /** How long to stay away next time, for those who want to see what happens. */
  private awayMs: number | undefined;
  private counter = 0;

  constructor(private readonly options: ChatClientOptions) {
    this.history = new History(apiOf(options.url), () => this.token);
    this.commands = new Commands(
      {
        connected: (waitMaxMs) => this.connected(waitMaxMs),
        send: (...frame) => this.live().send(...frame),
      },
      options.userId,
    );
  }

  /** Starts to connect and to stay connected. Commands and subscriptions may come before. */
  connect(): void {
    if (this.running !== undefined) return;
    this.closed = false;
    const stop = new AbortController();
    const done = this.run(stop.signal).finally(() => (this.running = undefined));
    this.running = { stop, done };
  }

  /** Leaves in peace. Commands that wait for an answer fail as `OUTCOME_UNKNOWN`, those that were not sent as `NOT_SENT`. */
  async close(): Promise<void> {
    this.closed = true;
    this.running?.stop.abort();
    await this.connection?.leave();
    await this.running?.done;
    this.enter({ phase: "idle" });
  }

  /** Loses the connection as a bad network would, and comes back after `awayMs`: to see, and to test, what follows. */
  drop(awayMs?: number): void {
    this.awayMs = awayMs;
    this.connection?.drop();
  }

  /** Subscribes to a chat's events: from event `after` on, or from now. */
  subscribe(chatId: number, handlers: ChatHandlers, after?: number): ChatSubscription {
    const id = `chat-${chatId}-${(this.counter += 1)}`;
    const subscription = new ChatSubscription(chatId, id, handlers, this.history, after);
    this.subscriptions.set(id, subscription);
    if (this.state.phase === "connected") this.establish(subscription, this.live());
    const unsubscribe = subscription.unsubscribe.bind(subscription);
    subscription.unsubscribe = () => {
      this.subscriptions.delete(id);
      unsubscribe();
    };
    return subscription;
  }

  /** Becomes a member of a chat. Resolves when that is stored and published. @throws CommandError */
  join(chatId: number, idempotencyKey?: string): Promise<CommandReceipt> {
    return this.commands.perform("joinChat", chatId, MEMBERSHIP_PATIENCE, idempotencyKey);
  }

  /** Is no member of it any more. @throws CommandError */
  leave(chatId: number, idempotencyKey?: string): Promise<CommandReceipt> {
    return this.commands.perform("leaveChat", chatId, MEMBERSHIP_PATIENCE, idempotencyKey);
  }

  /** Types. {@link ChatClient.typing} knows when to say so. @throws CommandError */
  startTyping(chatId: number): Promise<CommandReceipt> {
    return this.commands.perform("startTyping", chatId, TYPING_PATIENCE);
  }

  /** Types no more. @throws CommandError */
  stopTyping(chatId: number): Promise<CommandReceipt> {
    return this.commands.perform("stopTyping", chatId, TYPING_PATIENCE);
  }

  /** Turns keystrokes into START and STOP; `settled` hears what became of each. */
  typing(
    chatId: number,
    settled: (verb: Verb, result: Promise<CommandReceipt>) => void,
    pace?: TypingPace,
  ): TypingIndicator {
    const tell = (typing: boolean): void =>
      typing ? settled("startTyping", this.startTyping(chatId)) : settled("stopTyping", this.stopTyping(chatId));
    const indicator = new TypingIndicator(tell, pace);
    this.indicators.add(indicator);
    return indicator;
  }

  /**
   * Shows the server a fresh token, without a new connection; resolves with whether there was one that it had not seen.
   * Happens by itself when the server warns.
   */
  async renewToken(): Promise<boolean> {
    const seen = this.token;
    await this.askToken();
    if (this.token === undefined || this.token === seen) return false;
    this.connection?.send("/session/token", this.token, { receipt: "token" });
    return true;
  }

  private async run(stop: AbortSignal): Promise<void> {
    let failures = 0;
    while (!stop.aborted) {
      this.enter({ phase: "connecting", failures });
      const ending = await this.once(stop);
      if (stop.aborted) return;
      if (!mayReconnect(ending.closing)) return this.enter({ phase: "stopped", ending });
      failures = ending.lastedMs >= STABLE_MS ? 0 : failures;
      const delayMs = this.awayMs ?? reconnectHintMs(ending.closing) ?? backoffMs(BACKOFF, failures);
      this.awayMs = undefined;
      failures += 1;
      this.enter({ phase: "waiting", delayMs, ending });
      await pause(delayMs, stop);
    }
  }

  /** One connection, from the token to its end. */
  private async once(stop: AbortSignal): Promise<Ending> {
    try {
      await this.askToken();
    } catch (error) {
      return { closing: { code: 1006, reason: `no token: ${String(error)}` }, lastedMs: 0 };
    }
    if (stop.aborted) return { closing: { code: 1000, reason: "" }, lastedMs: 0 };
    return new Promise((resolve) => {
      const openSocket = this.options.openSocket ?? (() => new WebSocket(this.options.url, PROTOCOLS) as never);
      const connection = new Connection(
        openSocket,
        this.token,
        {
          connected: (headers) => this.onConnected(connection, headers),
          unhandled: (message) => this.onError(message),
          receipt: (id) => this.onReceipt(id),
          ended: (ending) => {
            this.onDisconnected();
            resolve(ending);
          },
        },
        this.options.frame,
      );
      this.connection = connection;
      connection.start();
    });
  }

  private onConnected(connection: Connection, headers: Readonly<Record<string, string>>): void {
    // The errors first: whatever follows may be refused.
    connection.subscribe("/user/queue/errors", (message) => this.onError(message), { id: "errors" });
    connection.subscribe("/user/queue/session", ({ body }) => this.onNotice(body), { id: "session" });
    for (const subscription of this.subscriptions.values()) this.establish(subscription, connection);
    const { session = "", version = "", server = "" } = headers;
    this.enter({ phase: "connected", session, version, server });
  }

  private establish(subscription: ChatSubscription, connection: Connection): void {
    const sent = subscription.onConnected(connection);
    this.subscribing.add(sent);
    void sent.finally(() => this.subscribing.delete(sent));
  }

  private onDisconnected(): void {
    this.connection = undefined;
    for (const subscription of this.subscriptions.values()) subscription.onDisconnected();
    for (const indicator of this.indicators) indicator.forget();
    this.commands.onDisconnected();
  }

  private onReceipt(id: string): void {
    if (this.commands.onReceipt(id)) return;
    for (const subscription of this.subscriptions.values()) if (subscription.onReceipt(id)) return;
  }

  private onError({ headers, body }: IMessage): void {
    const refusal = parseRefusal(body);
    const receipt = headers["receipt-id"];
    if (this.commands.onRefusal(receipt, refusal)) return;
    for (const subscription of this.subscriptions.values()) if (subscription.onRefusal(receipt, refusal)) return;
    this.options.error?.(refusal);
  }

  private onNotice(body: string): void {
    this.options.notice?.(body);
    const { code, expiresInMs = 0 } = JSON.parse(body) as { code?: string; expiresInMs?: number };
    // Without a supplier somebody else has to act.
    if (code === "TOKEN_EXPIRES_SOON" && this.options.token !== undefined) void this.renewSoon(expiresInMs);
  }

  /**
   * Somewhere in the first half of the time that is left: tokens that were made together run out together, and their
   * clients need not all ask at once. Again in the first half of the rest while the supplier fails or has none but the
   * old one. In the end the session ends with its token, and the next one asks again.
   */
  private async renewSoon(leftMs: number): Promise<void> {
    const { connection } = this;
    const end = performance.now() + leftMs;
    while (performance.now() < end) {
      await pause(Math.max(RENEW_PAUSE_MS, (Math.random() * (end - performance.now())) / 2));
      if (connection === undefined || this.connection !== connection) return;
      try {
        if (await this.renewToken()) return;
      } catch (error) {
        this.options.notice?.(`no fresh token: ${String(error)}`);
      }
    }
  }

  private async askToken(): Promise<void> {
    if (this.options.token === undefined) return;
    const token = await within(TOKEN_MAX_MS, Promise.resolve(this.options.token()));
    if (token === undefined) throw new Error(`none came within ${TOKEN_MAX_MS} ms`);
    this.token = token;
  }

  private live(): Connection {
    if (this.connection === undefined) throw new Error("there is no connection");
    return this.connection;
  }

  private async connected(waitMaxMs: number): Promise<boolean> {
    const deadline = performance.now() + waitMaxMs;
    const isUp = (): boolean => this.state.phase === "connected" && this.connection !== undefined;
    const isOver = (): boolean => this.closed || this.state.phase === "stopped";
    if (!isUp() && !isOver()) {
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          clearTimeout(timer);
          this.waiting.delete(look);
          resolve();
        };
        const look = (): void => {
          if (isUp() || isOver()) settle();
        };
        const timer = setTimeout(settle, waitMaxMs);
        this.waiting.add(look);
      });
    }
    await within(Math.max(0, deadline - performance.now()), Promise.all(this.subscribing));
    return isUp();
  }

  private enter(state: ClientState): void {
    this.state = state;
    for (const look of [...this.waiting]) look();
    this.options.state?.(state);
  }
}

/** STOMP's sub-protocols. */
const PROTOCOLS = ["v12.stomp", "v11.stomp", "v10.stomp"];

/** Where the queries are: `wss://host/prefix/ws` has them at `https://host/prefix/api`. */
const apiOf = (url: string): string => url.replace(/^ws/, "http").replace(/\/ws\/?$/, "/api");

export type { Closing };
