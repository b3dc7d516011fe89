// Joining, leaving, and a text box that tells the others that somebody types.
import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";

import type { Visitor } from "../state/visitor";
import { OutcomeLine } from "./outcome";

export const Membership = ({ of: visitor }: { of: Visitor }) => {
  const { connection, membership, room, userId } = visitor;
  const isIn = room.value.members.value.includes(userId.value);
  const off = !visitor.on && connection.value.phase !== "connected";
  return (
    <div class="part">
      <div class="row">
        <button type="button" class={isIn ? "" : "primary"} disabled={off} onClick={() => visitor.join()}>
          Join
        </button>
        <button type="button" disabled={off} onClick={() => visitor.leave()}>
          Leave
        </button>
        <span class="small muted">{isIn ? "is a member of this chat" : "is no member of this chat"}</span>
      </div>
      <OutcomeLine outcome={membership.value} />
    </div>
  );
};

export const Composer = ({ of: visitor }: { of: Visitor }) => {
  const field = useRef<HTMLInputElement>(null);
  const text = useSignal("");
  const hint = useId();
  const indicator = visitor.indicator.value;
  useEffect(() => {
    if (indicator && field.current) return indicator.attach(field.current);
  }, [indicator]);
  return (
    <form
      class="part"
      onSubmit={(event) => {
        event.preventDefault();
        text.value = "";
        indicator?.stop();
      }}
    >
      <label class="field">
        <span>Type something</span>
        <span class="joined grow">
          <input
            ref={field}
            value={text}
            disabled={indicator === undefined}
            aria-describedby={hint}
            autocomplete="off"
            onInput={(event) => (text.value = event.currentTarget.value)}
          />
          <button disabled={indicator === undefined}>Send</button>
        </span>
      </label>
      <p class="sr-only" id={hint}>
        The others are told that you type and that you stopped. The text itself goes nowhere: this system carries
        events, not messages.
      </p>
      <OutcomeLine outcome={visitor.typed.value} />
    </form>
  );
};
