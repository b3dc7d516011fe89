// Why connections end and what to do then: the table of docs/protocol.md, which a test compares.

/** What a close event says, over WebSocket and SockJS alike. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** Codes after which the same client, doing the same again, fares no better. */
const FINAL_CODES: ReadonlySet<number> = new Set([1002, 1007, 1008, 1009, 4003, 4005, 4429]);

/** The longest hint that is believed, in milliseconds; the server's own are up to five seconds. */
const HINT_MAX_MS = 60_000;

/** Whether it is worth coming back. 1000 is: we hear it only for closes that we did not ask for. */
export const mayReconnect = ({ code }: Closing): boolean => !FINAL_CODES.has(code);

/**
 * When a gateway that stops wants this client back, in milliseconds: `going away, reconnect in 1234 ms`. It gives
 * every client another delay, so that they do not all come at once.
 */
export const reconnectHintMs = ({ reason }: Closing): number | undefined => {
  const digits = /reconnect in (\d{1,9}) ms/.exec(reason)?.[1];
  return digits === undefined ? undefined : Math.min(Number(digits), HINT_MAX_MS);
};
