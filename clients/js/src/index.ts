// Typed chat events over STOMP, on top of @stomp/stompjs; what to expect of it is in README.md.
export { ChatClient, type ChatClientOptions, type ClientState } from "./client.js";
export { type Closing, mayReconnect, reconnectHintMs } from "./closing.js";
export type { CommandReceipt, Verb } from "./commands.js";
export type { Ending, FrameTap, OpenSocket } from "./connection.js";
export { type ChatEvent, EVENT_TYPES, type EventType, eventDate, parseEvent } from "./event.js";
export { type Chat, History, QueryError } from "./history.js";
export type { GapCheck } from "./progress.js";
export { CommandError, type CommandErrorCode, ERROR_CODES, type ErrorCode, type Refusal } from "./refusal.js";
export type { ChatHandlers, ChatSubscription, Established } from "./subscription.js";
export { TypingIndicator, type TypingPace } from "./typing.js";
