// How far a subscription has come: what to resume from, and what was seen already.
import type { ChatEvent } from "./event.js";

/** Ids kept for {@link Progress.missing}; beyond that the oldest are forgotten. */
const SEEN_MAX = 10_000;

/** What a comparison with the stored history found. */
export interface GapCheck {
  /** The stretch that was compared: after `from`, up to and with `to`. */
  readonly from: number;
  readonly to: number;
  /** Stored events in it. */
  readonly stored: number;
  /** Those of them that never came. Empty is what the server promises. */
  readonly missing: readonly ChatEvent[];
}

/** Events of one chat, in the order of their ids. */
export class Progress {
  private seen: number[] = [];
  /** A hole lies between `last` and the next event. */
  private torn = false;
  /** Events that came again and were dropped. */
  duplicates = 0;

  /** `last` is the newest event known, 0 for none. `since` is where {@link Progress.missing} can begin. */
  constructor(
    public last = 0,
    private since = last,
  ) {}

  /** Whether this event is new. Ids grow along a chat, so what is not newer than the newest came before. */
  accept({ id }: ChatEvent): boolean {
    if (id <= this.last) {
      this.duplicates += 1;
      return false;
    }
    if (this.torn) {
      this.torn = false;
      this.since = id;
    }
    this.last = id;
    this.seen.push(id);
    if (this.seen.length > SEEN_MAX) this.since = this.seen.shift()!;
    return true;
  }

  /** Begins again after a hole that cannot be filled: nothing before the next event counts. */
  restart(): void {
    this.torn = true;
    this.since = this.last;
    this.seen = [];
  }

  /** From where on everything was seen. */
  get complete(): number {
    return this.since;
  }

  /** Compares stored events after `after` with what was seen, up to `to`, the newest one seen when they were asked for. */
  compare(after: number, to: number, stored: readonly ChatEvent[]): GapCheck {
    const from = Math.max(after, this.since);
    const seen = new Set(this.seen);
    const stretch = stored.filter(({ id }) => id > from && id <= to);
    return { from, to, stored: stretch.length, missing: stretch.filter(({ id }) => !seen.has(id)) };
  }
}
