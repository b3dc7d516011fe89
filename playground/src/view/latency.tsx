// How long the last commands took, from SEND to the RECEIPT that says "stored and published".
import type { Visitor } from "../state/visitor";
import { milliseconds } from "./outcome";

const WIDTH = 120;
const HEIGHT = 24;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

export const Latency = ({ of: visitor }: { of: Visitor }) => {
  const values = visitor.latencies.value;
  const last = values.at(-1);
  if (last === undefined) return <p class="latency small muted">No command yet, so no latency.</p>;
  const top = Math.max(...values, 1);
  const step = WIDTH / Math.max(values.length - 1, 1);
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1)}`);
  const text = `last ${milliseconds(last)} ms, median ${milliseconds(median(values))} ms, longest ${milliseconds(top)} ms`;
  return (
    <p class="latency small">
      <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Latency of ${values.length} commands: ${text}`}>
        <polyline points={points.length === 1 ? `0,${HEIGHT / 2} ${WIDTH},${HEIGHT / 2}` : points.join(" ")} />
      </svg>
      <span class="muted" aria-hidden="true">{text}</span>
    </p>
  );
};
