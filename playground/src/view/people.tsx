// Who is in the chat, and who types there.
import type { Visitor } from "../state/visitor";

/** Members shown by number; a chat may have thousands. */
const SHOWN_MAX = 40;

const list = new Intl.ListFormat("en", { type: "conjunction" });

export const People = ({ of: visitor }: { of: Visitor }) => {
  const { members, typing, more } = visitor.room.value;
  const others = typing.value.filter((user) => user !== visitor.userId.value);
  const shown = members.value.slice(0, SHOWN_MAX);
  const hidden = members.value.length - shown.length;
  return (
    <div class="part people">
      <p>
        <span class="label">In this chat</span>{" "}
        {shown.length === 0 && <span class="muted">nobody</span>}
        {shown.map((user) => (
          <span key={user} class={`chip user-${user % 8} ${user === visitor.userId.value ? "self" : ""}`}>
            {user}
          </span>
        ))}
        {(hidden > 0 || more.value) && <span class="muted">{hidden > 0 ? `and ${hidden} more` : "and more"}</span>}
      </p>
      <p class="typing" role="status">
        {others.length > 0 && (
          <>
            <span class="dots" aria-hidden="true" />
            {list.format(others.map((user) => `user ${user}`))} {others.length > 1 ? "are" : "is"} typing
          </>
        )}
      </p>
    </div>
  );
};
