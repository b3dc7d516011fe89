// Waits: between attempts, which double and are spread by chance, so that clients that lost the same gateway do not
// come back as a crowd; and for what may never come.

/** Bounds of a wait, in milliseconds. */
export interface Backoff {
  /** Upper end of the first wait. */
  readonly firstMs: number;
  /** Upper end of every later wait. */
  readonly maxMs: number;
}

/** The shortest wait: a server that refuses at once must not be asked in a tight loop. */
const FLOOR_MS = 50;

/** The wait after so many failures in a row, counted from 0; `random` is from [0, 1). */
export const backoffMs = ({ firstMs, maxMs }: Backoff, failures: number, random = Math.random()): number => {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 30));
  return Math.round(FLOOR_MS + random * Math.max(0, ceiling - FLOOR_MS));
};

/** Resolves after so long; `signal` ends the wait early, which is no error. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });

/** What a promise comes to, or undefined when it takes longer. */
export const within = async <T>(ms: number, promise: Promise<T>): Promise<T | undefined> => {
  const settled = new AbortController();
  try {
    return await Promise.race([promise, pause(ms, settled.signal).then(() => undefined)]);
  } finally {
    settled.abort();
  }
};
