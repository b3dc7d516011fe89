// How a user is connected: the state, the settings, and the ways to lose it.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ClientState } from "@talk-and-travel/chat-events";

import { TRANSPORTS, type Transport } from "../state/transports";
import type { Visitor } from "../state/visitor";

/** How long a dropped connection stays away, in seconds. */
const AWAY_S = [2, 5, 15, 60];

const word = (state: ClientState, left: number): string => {
  switch (state.phase) {
    case "idle":
      return "Not connected";
    case "connecting":
      return state.failures === 0 ? "Connecting" : `Connecting, attempt ${state.failures + 1}`;
    case "connected":
      return "Connected";
    case "waiting":
      return `Connection lost, back in ${left} s`;
    case "stopped":
      return "Turned away";
  }
};

const why = (state: ClientState): string | undefined => {
  if (state.phase !== "waiting" && state.phase !== "stopped") return undefined;
  const { closing, error } = state.ending;
  return [error, `close code ${closing.code}${closing.reason && `, ${closing.reason}`}`].filter(Boolean).join("; ");
};

/** The close code of those who could not prove who they are. */
const UNAUTHORIZED = 4003;

const needsToken = (state: ClientState): boolean =>
  state.phase === "stopped" && state.ending.closing.code === UNAUTHORIZED;

/** Seconds until the next attempt, counted down. */
const useCountdown = (state: ClientState): number => {
  const left = useSignal(0);
  useEffect(() => {
    if (state.phase !== "waiting") return;
    const until = performance.now() + state.delayMs;
    const tick = (): void => {
      left.value = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    };
    tick();
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [state]);
  return left.value;
};

export const ConnectionState = ({ of: visitor }: { of: Visitor }) => {
  const state = visitor.connection.value;
  const left = useCountdown(state);
  const reason = why(state);
  return (
    <div class="connection">
      <p class={`pill ${state.phase}`} role="status">
        <span class="dot" aria-hidden="true" />
        {/* The countdown is for the eye; a screen reader would be told every second. */}
        <span aria-hidden={state.phase === "waiting"}>{word(state, left)}</span>
        {state.phase === "waiting" && <span class="sr-only">Connection lost, comes back by itself</span>}
      </p>
      {state.phase === "connected" && <span class="muted small">STOMP {state.version}</span>}
      {reason && <p class="small reason">{reason}</p>}
      {needsToken(state) && (
        <p class="small reason">Paste a valid token below: `make run AUTH=jwt` printed how to make one.</p>
      )}
    </div>
  );
};

export const ConnectionActions = ({ of: visitor }: { of: Visitor }) => {
  const away = useSignal(5);
  const { phase } = visitor.connection.value;
  return (
    <div class="row">
      {visitor.on ? (
        <button type="button" onClick={() => visitor.disconnect()}>
          Disconnect
        </button>
      ) : (
        <button type="button" class="primary" onClick={() => visitor.connect()}>
          Connect
        </button>
      )}
      <span class="joined">
        <button type="button" disabled={phase !== "connected"} onClick={() => visitor.drop(away.value * 1000)}>
          Drop my connection
        </button>
        <select
          aria-label="How long to stay away"
          value={away}
          onChange={(event) => (away.value = Number(event.currentTarget.value))}
        >
          {AWAY_S.map((seconds) => (
            <option key={seconds} value={seconds}>
              for {seconds} s
            </option>
          ))}
        </select>
      </span>
    </div>
  );
};

/** Settings that a new connection takes up. */
export const ConnectionSettings = ({ of: visitor }: { of: Visitor }) => {
  const changed = (change: () => void): void => {
    change();
    void visitor.reconnect();
  };
  return (
    <div class="settings">
      <label class="field narrow">
        <span>User id</span>
        <input
          type="number"
          min="1"
          inputMode="numeric"
          value={visitor.userId}
          onChange={({ currentTarget: field }) => {
            const id = field.valueAsNumber;
            if (Number.isSafeInteger(id) && id > 0) changed(() => (visitor.userId.value = id));
            else field.value = String(visitor.userId.value);
          }}
        />
      </label>
      <label class="field">
        <span>Transport</span>
        <select
          value={visitor.transport}
          onChange={(event) => changed(() => (visitor.transport.value = event.currentTarget.value as Transport))}
        >
          {Object.entries(TRANSPORTS).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Token</span>
        <input
          class="mono"
          autocomplete="off"
          spellcheck={false}
          placeholder="none"
          value={visitor.token}
          onChange={(event) => visitor.takeToken(event.currentTarget.value)}
        />
      </label>
    </div>
  );
};
