// One STOMP connection, from the socket to its end. Coming back is client.ts's business: stompjs knows neither chance
// nor the server's wishes about it, so it is told to connect once.
import { Client, type IFrame, type IMessage, type IStompSocket } from "@stomp/stompjs";
import type { Closing } from "./closing.js";

/** Heart-beat interval that is offered and wanted, in milliseconds. */
const HEART_BEAT_MS = 10_000;
/** Longest time from the start to CONNECTED, in milliseconds. */
const CONNECT_MAX_MS = 15_000;
/** Longest wait for the RECEIPT of DISCONNECT, in milliseconds. */
const DISCONNECT_MAX_MS = 3_000;

/** How a connection ended. */
export interface Ending {
  readonly closing: Closing;
  /** The `message` of the ERROR frame before it. */
  readonly error?: string;
  /** How long it was connected, in milliseconds; 0 when it never was. */
  readonly lastedMs: number;
}

/** Text that went over the wire, as it went. */
export type FrameTap = (direction: "in" | "out", text: string) => void;

/** What one connection tells. */
export interface Ears {
  connected(headers: Readonly<Record<string, string>>): void;
  /** A MESSAGE that no subscription of ours asked for. */
  unhandled(message: IMessage): void;
  receipt(id: string): void;
  ended(ending: Ending): void;
}

/** A socket for stompjs: a WebSocket, or something like it. */
export type OpenSocket = () => IStompSocket;

/** One connection. */
export class Connection {
  private readonly client: Client;
  private connectedAt: number | undefined;
  private error: string | undefined;
  private over = false;

  constructor(
    openSocket: OpenSocket,
    token: string | undefined,
    private readonly ears: Ears,
    tap?: FrameTap,
  ) {
    this.client = new Client({
      webSocketFactory: () => tapped(openSocket(), tap),
      connectHeaders: token === undefined ? {} : { Authorization: `Bearer ${token}` },
      reconnectDelay: 0,
      connectionTimeout: CONNECT_MAX_MS,
      heartbeatIncoming: HEART_BEAT_MS,
      heartbeatOutgoing: HEART_BEAT_MS,
      // A dead network would let close() wait for minutes.
      discardWebsocketOnCommFailure: true,
      onConnect: ({ headers }) => {
        this.connectedAt = performance.now();
        ears.connected(headers);
      },
      onUnhandledMessage: (message) => ears.unhandled(message),
      onUnhandledReceipt: ({ headers }) => ears.receipt(headers["receipt-id"] ?? ""),
      onStompError: ({ headers, body }: IFrame) => {
        this.error = [headers["message"], body].filter(Boolean).join(": ");
      },
      onWebSocketClose: (event: Partial<Closing>) => this.end(closingOf(event)),
    });
  }

  /** Starts connecting. */
  start(): void {
    try {
      this.client.activate();
    } catch (error) {
      this.end({ code: 1006, reason: String(error) });
    }
  }

  send(destination: string, body: string, headers: Record<string, string>): void {
    this.client.publish({ destination, body, headers });
  }

  subscribe(destination: string, onMessage: (message: IMessage) => void, headers: Record<string, string>): void {
    this.client.subscribe(destination, onMessage, headers);
  }

  unsubscribe(id: string): void {
    if (this.client.connected) this.client.unsubscribe(id);
  }

  /** Ends it without a word, as a lost network would. */
  drop(): void {
    // What stompjs says of it is about itself.
    this.end({ code: 1006, reason: "dropped on purpose" });
    this.client.forceDisconnect();
  }

  /** DISCONNECT, its RECEIPT, the close. */
  async leave(): Promise<void> {
    const timer = setTimeout(() => this.client.deactivate({ force: true }), DISCONNECT_MAX_MS);
    await this.client.deactivate();
    clearTimeout(timer);
    // Where there was no socket yet, nothing else tells.
    this.end({ code: 1000, reason: "" });
  }

  private end(closing: Closing): void {
    if (this.over) return;
    this.over = true;
    void this.client.deactivate({ force: true });
    const lastedMs = this.connectedAt === undefined ? 0 : performance.now() - this.connectedAt;
    this.ears.ended({ closing, lastedMs, ...(this.error !== undefined && { error: this.error }) });
  }
}

/** 1006 is what browsers say when nothing was said; stompjs has a code of its own for a socket that it gave up. */
const closingOf = ({ code = 1006, reason = "" }: Partial<Closing>): Closing =>
  reason.startsWith("Quick discarding") ? { code: 1006, reason: "no sign of life" } : { code, reason };

/** The same socket, with somebody listening to both directions. */
const tapped = (socket: IStompSocket, tap?: FrameTap): IStompSocket => {
  if (tap === undefined) return socket;
  const text = (data: unknown): string => (typeof data === "string" ? data : new TextDecoder().decode(data as BufferSource));
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    tap("out", text(data));
    send(data);
  };
  (socket as unknown as EventTarget).addEventListener("message", (event) => tap("in", text((event as MessageEvent).data)));
  return socket;
};
