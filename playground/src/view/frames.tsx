// The wire, as it is.
import type { Frame, Visitor } from "../state/visitor";

const shown = (text: string): string => (/^[\r\n]+$/.test(text) ? "heart-beat" : text.replaceAll("\0", "^@").trimEnd());

const FrameLine = ({ frame: { direction, text, at } }: { frame: Frame }) => (
  <li class={direction}>
    <span class="muted">
      <span aria-hidden="true">{direction === "in" ? "←" : "→"}</span>
      <span class="sr-only">{direction === "in" ? "received" : "sent"}</span> {at.toISOString().slice(11, 23)}
    </span>
    <pre>{shown(text)}</pre>
  </li>
);

/** The newest first, so that what happens now is where the eye is. */
export const Frames = ({ of: visitor }: { of: Visitor }) => {
  const frames = visitor.frames.value;
  return (
    <details>
      <summary>
        Frames on the wire <span class="muted">{frames.length}</span>
      </summary>
      <div class="frames" tabIndex={0} role="region" aria-label={`Frames of user ${visitor.userId.value}`}>
        <ol>
          {[...frames].reverse().map((frame) => (
            <FrameLine key={frame.number} frame={frame} />
          ))}
        </ol>
      </div>
      <button type="button" class="quiet" onClick={() => (visitor.frames.value = [])}>
        Clear
      </button>
    </details>
  );
};
