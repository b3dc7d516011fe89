// What became of a command, beside where it was given.
import type { Outcome } from "../state/visitor";

export const milliseconds = (ms: number): string => (ms < 10 ? ms.toFixed(1) : String(Math.round(ms)));

export const OutcomeLine = ({ outcome }: { outcome: Outcome | undefined }) => {
  if (outcome === undefined) return null;
  if (outcome.kind === "waiting") return <p class="small muted">Sent, no answer yet …</p>;
  if (outcome.kind === "done") {
    const { latencyMs, attempts } = outcome.receipt;
    return (
      <p class="small good" role="status">
        Stored and published in {milliseconds(latencyMs)} ms{attempts > 1 && `, at attempt ${attempts}`}
      </p>
    );
  }
  const { code, message, refusal } = outcome.error;
  return (
    <p class="small problem" role="alert">
      <code>{code}</code> {message}
      {refusal?.retryAfterMs !== undefined && `, not before ${refusal.retryAfterMs} ms`}
    </p>
  );
};
