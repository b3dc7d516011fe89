// Every event of the chat, as it came.
import { useLayoutEffect, useRef } from "preact/hooks";
import { type EventType, eventDate } from "@talk-and-travel/chat-events";

import type { Visitor } from "../state/visitor";

const WORDS: Record<EventType, string> = {
  JOIN: "joined",
  LEAVE: "left",
  START_TYPING: "types",
  STOP_TYPING: "stopped typing",
};

const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

/** `isLog`: whether a screen reader reads new events. Only one feed of the window does, or it would hear each twice. */
export const Feed = ({ of: visitor, isLog }: { of: Visitor; isLog: boolean }) => {
  const entries = visitor.feed.value;
  const box = useRef<HTMLDivElement>(null);
  const last = entries.at(-1)?.event.id;
  // Follows the newest event, unless somebody reads further up.
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [last]);
  return (
    <div
      class="feed"
      ref={box}
      role="log"
      aria-label={`Events seen by user ${visitor.userId.value}`}
      aria-live={isLog ? "polite" : "off"}
      aria-busy={!visitor.following.value}
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
        (atEnd.current = scrollHeight - scrollTop - clientHeight < 30)
      }
    >
      {entries.length === 0 && <p class="muted empty">No events since you came. Join, or type something.</p>}
      <ol>
        {entries.map(({ event, replayed }) => (
          <li key={event.id} class={`${event.eventType.toLowerCase()} ${replayed ? "replayed" : ""}`}>
            <time class="mono muted" dateTime={eventDate(event).toISOString()}>
              {clock.format(eventDate(event))}
            </time>
            <span class="mono id">{event.id}</span>
            <span class={`chip user-${event.authorId % 8}`}>{event.authorId}</span>
            <span class="what">{WORDS[event.eventType]}</span>
            {replayed && <span class="tag">replayed</span>}
          </li>
        ))}
      </ol>
    </div>
  );
};
