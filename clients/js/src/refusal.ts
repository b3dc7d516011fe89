// What the gateway says when something could not be done (docs/protocol.md, "Errors").

/** Every code an error MESSAGE can have. */
export const ERROR_CODES = [
  "MALFORMED_PAYLOAD",
  "INVALID_FIELD",
  "UNKNOWN_DESTINATION",
  "CHAT_NOT_FOUND",
  "ALREADY_JOINED",
  "NOT_JOINED",
  "UNAUTHORIZED",
  "AUTHOR_MISMATCH",
  "FORBIDDEN",
  "RATE_LIMITED",
  "TOO_MANY_SUBSCRIPTIONS",
  "UNAVAILABLE",
  "OUTCOME_UNKNOWN",
  "EXPIRED",
  "HISTORY_GONE",
] as const;

/** One of them. A newer gateway may have more: treat what you don't know by its `retryable`. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The body of an error MESSAGE. */
export interface Refusal {
  readonly code: ErrorCode;
  /** A sentence for a person. */
  readonly message: string;
  readonly httpStatus: string;
  /** Whether the same again may fare better. */
  readonly retryable: boolean;
  readonly timestamp: string;
  readonly destination: string;
  readonly chatId?: number;
  readonly authorId?: number;
  /** With `RATE_LIMITED` and `TOO_MANY_SUBSCRIPTIONS`: not before this. */
  readonly retryAfterMs?: number;
  /** With `HISTORY_GONE`: from this event on the history is complete. */
  readonly oldestEventId?: number;
}

/** `NOT_SENT` is this package's own: the command never left, so it did not take effect. */
export type CommandErrorCode = ErrorCode | "NOT_SENT";

/** Why a command failed for good. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(
    /** `OUTCOME_UNKNOWN` when any attempt may have taken effect and no later one told. */
    readonly code: CommandErrorCode,
    message: string,
    /** How often it was sent. */
    readonly attempts: number,
    /** Sending the command again with this key takes effect at most once in all. */
    readonly idempotencyKey: string,
    /** What the gateway said last, if it said anything. */
    readonly refusal?: Refusal,
  ) {
    super(message);
  }
}

/** Reads the body of an error MESSAGE. */
export const parseRefusal = (body: string): Refusal => {
  const refusal = JSON.parse(body) as Refusal;
  if (typeof refusal?.code !== "string" || typeof refusal.retryable !== "boolean") {
    throw new SyntaxError(`not an error message: ${body}`);
  }
  return refusal;
};
