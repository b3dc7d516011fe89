// Typing, told from keystrokes as a chat does it: START with the first key, START again before the server's lease ends
// it, STOP after a pause, when the text is sent or emptied, and when the field is left.

/** How typing is told. */
export interface TypingPace {
  /** A pause this long is a STOP, in milliseconds. */
  readonly idleMs: number;
  /** While typing goes on, START is repeated this often, in milliseconds; well below the server's lease of 60 s. */
  readonly refreshMs: number;
}

const PACE: TypingPace = { idleMs: 4_000, refreshMs: 20_000 };

/** Says that somebody types, or stopped; failures are the receiver's to show. */
export type TellTyping = (typing: boolean) => void;

/** Turns keystrokes into START and STOP. */
export class TypingIndicator {
  private toldAt: number | undefined;
  private idle: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly tell: TellTyping,
    private readonly pace: TypingPace = PACE,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Whether START was the last that was told. */
  get typing(): boolean {
    return this.toldAt !== undefined;
  }

  /** A key changed the text. */
  keystroke(): void {
    const now = this.now();
    if (this.toldAt === undefined || now - this.toldAt >= this.pace.refreshMs) {
      this.toldAt = now;
      this.tell(true);
    }
    clearTimeout(this.idle);
    this.idle = setTimeout(() => this.stop(), this.pace.idleMs);
  }

  /** Sent, emptied, left. */
  stop(): void {
    if (this.forget()) this.tell(false);
  }

  /** The connection was lost: the server ended it by itself, and the next key is a first one. */
  forget(): boolean {
    clearTimeout(this.idle);
    const was = this.typing;
    this.toldAt = undefined;
    return was;
  }

  /** Listens to a text field; the answer stops that. */
  attach(field: HTMLInputElement | HTMLTextAreaElement): () => void {
    const input = (): void => (field.value === "" ? this.stop() : this.keystroke());
    const leave = (): void => this.stop();
    field.addEventListener("input", input);
    field.addEventListener("blur", leave);
    // A phone that puts the page aside fires no blur.
    globalThis.addEventListener("pagehide", leave);
    return () => {
      this.stop();
      field.removeEventListener("input", input);
      field.removeEventListener("blur", leave);
      globalThis.removeEventListener("pagehide", leave);
    };
  }
}
