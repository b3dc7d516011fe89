// What a lost connection cost: nothing, and how that is known.
import type { Return, Visitor } from "../state/visitor";
import { milliseconds } from "./outcome";

const events = (count: number): string => `${count} event${count === 1 ? "" : "s"}`;

const Verdict = ({ back: { check, duplicates } }: { back: Return }) => {
  if (check === undefined) return <>Comparing with the stored history …</>;
  if (typeof check === "string") return <>The stored history could not be read: {check}</>;
  if (check.missing.length > 0) {
    return <strong>{events(check.missing.length)} missing: {check.missing.map(({ id }) => id).join(", ")}</strong>;
  }
  return (
    <>
      Compared with the stored history after event {check.from}: <strong>no gap</strong>, all {check.stored} there
      {duplicates > 0 ? `; ${duplicates} came twice and were dropped` : ", none twice"}.
    </>
  );
};

export const ReturnCard = ({ of: visitor }: { of: Visitor }) => {
  const gone = visitor.gone.value;
  const back = visitor.back.value;
  if (gone) {
    return (
      <p class="part problem" role="alert">
        <code>HISTORY_GONE</code> {gone.message} Live events go on.
      </p>
    );
  }
  if (!back) return null;
  const { awayMs, reason, how, check } = back;
  const isWhole = typeof check === "object" && check.missing.length === 0;
  return (
    <div class={`part return ${isWhole ? "whole" : ""}`} role="status">
      <p>
        <strong>{events(how.replayed)} missed, {how.replayed} replayed</strong> in {milliseconds(how.durationMs)} ms after{" "}
        {(awayMs / 1000).toFixed(1)} s away <span class="muted">({reason})</span>
      </p>
      <p>
        <Verdict back={back} />
      </p>
    </div>
  );
};
