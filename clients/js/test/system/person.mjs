// A user of the tests: a client that keeps what it hears, and waits for what must come.
import SockJS from "sockjs-client";
import WebSocket from "ws";

import { gateways } from "../../../../e2e/control.mjs";
import { ChatClient } from "../../dist/index.js";

// What browsers have; Node.js only from 22.
globalThis.WebSocket ??= WebSocket;

// Longest wait for anything, in milliseconds.
const WAIT_MAX_MS = 30_000;

// Waits for conditions, which are looked at again whenever something was noticed.
export const waiting = () => {
  const checks = new Set();
  const until = (what, met) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what}: not after ${WAIT_MAX_MS} ms`)), WAIT_MAX_MS);
      const check = () => {
        const value = met();
        if (!value) return;
        clearTimeout(timer);
        checks.delete(check);
        resolve(value);
      };
      checks.add(check);
      check();
    });
  return { until, noticed: () => [...checks].forEach((check) => check()) };
};

// `gateway` counts from 1; `transport` is one of SockJS's.
export const person = (userId, { gateway = 1, transport, ...options } = {}) => {
  const host = gateways[gateway - 1];
  const url = transport ? `http://${host}/ws` : `ws://${host}/ws`;
  const { until, noticed } = waiting();
  const heard = { states: [], errors: [], frames: [] };
  const client = new ChatClient({
    url,
    userId,
    ...(transport && { openSocket: () => new SockJS(url, null, { transports: [transport] }) }),
    state: (state) => noticed(heard.states.push(state)),
    error: (refusal) => noticed(heard.errors.push(refusal)),
    frame: (direction, text) => heard.frames.push({ direction, text }),
    ...options,
  });
  const follow = (chatId, after) => {
    const feed = { events: [], established: [], gone: [], refused: [] };
    feed.subscription = client.subscribe(
      chatId,
      {
        event: (event) => noticed(feed.events.push(event)),
        established: (how) => noticed(feed.established.push(how)),
        historyGone: (refusal) => noticed(feed.gone.push(refusal)),
        refused: (refusal) => noticed(feed.refused.push(refusal)),
      },
      after,
    );
    feed.types = () => feed.events.map(({ authorId, eventType }) => `${authorId} ${eventType}`);
    return feed;
  };
  return {
    client,
    heard,
    follow,
    until,
    inPhase: (phase) => until(`phase ${phase}`, () => heard.states.find((state) => state.phase === phase)),
    phase: () => heard.states.at(-1)?.phase,
  };
};
