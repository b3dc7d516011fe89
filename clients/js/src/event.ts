// Chat events as the gateway sends them (docs/protocol.md, "Subscribing").

/** What can happen in a chat. */
export const EVENT_TYPES = ["JOIN", "LEAVE", "START_TYPING", "STOP_TYPING"] as const;

/** One of them. */
export type EventType = (typeof EVENT_TYPES)[number];

/** Something that happened in a chat and was stored. */
export interface ChatEvent {
  /** Grows along a chat, with holes. The server keeps ids below 2^53, so a number holds them exactly. */
  readonly id: number;
  /** Who did it. */
  readonly authorId: number;
  readonly chatId: number;
  readonly eventType: EventType;
  /** UTC, without a zone: `2024-08-11T08:50:59.607196`. See {@link eventDate}. */
  readonly eventTime: string;
}

/** The time of an event, to the millisecond. JavaScript would take a time without a zone for local time. */
export const eventDate = ({ eventTime }: Pick<ChatEvent, "eventTime">): Date => new Date(`${eventTime}Z`);

/**
 * Reads the body of an event MESSAGE.
 *
 * @throws SyntaxError when it is none, with what came.
 */
export const parseEvent = (body: string): ChatEvent => {
  const event = JSON.parse(body) as ChatEvent;
  const ids = [event?.id, event?.authorId, event?.chatId];
  const known = (EVENT_TYPES as readonly string[]).includes(event?.eventType);
  if (!known || !ids.every(Number.isSafeInteger) || typeof event.eventTime !== "string") {
    throw new SyntaxError(`not a chat event: ${body}`);
  }
  return event;
};
