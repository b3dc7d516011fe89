// What every JavaScript client does, whichever library it does it with: connects, subscribes to a chat and to its
// errors, sends the commands of steps.json, lives through some heart-beats, disconnects. It does not judge what it
// sees: e2e/tests/it/support/scenario.rs does.
//
// Prints one JSON object: what was seen, in order. Exit code 0: everything came that was waited for; 1: something did
// not, and what came until then is printed all the same.
import { readFileSync } from "node:fs";

import { balance } from "./balancer.mjs";

// Right and wrong commands, in their order: where `to`, with which `body` if not the usual one, and the `event` or
// the `error` that comes of it.
const STEPS = JSON.parse(readFileSync(new URL("steps.json", import.meta.url), "utf8"));

const DEADLINE_MS = 30_000;
// What these libraries do by themselves.
const HEART_BEAT_MS = 10_000;

// `connect(scenario, heard)` connects with one library and resolves with what the rest needs of it:
// `version`, `transport`, `subscribe(destination, receipt, onMessage)`, `send(destination, body, receipt)`,
// `disconnect()`.
export const play = async (connect, scenario) => {
  const seen = { receipts: [], events: [], errors: [], faults: [], beats: { received: 0, sent: 0 } };
  const deadline = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`not finished after ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  try {
    await Promise.race([run(scenario, seen, connect), deadline]);
  } catch (error) {
    seen.failure = String(error?.stack ?? error);
  }
  console.log(JSON.stringify(seen, null, 2));
  process.exit(seen.failure ? 1 : 0);
};

// `url`: ws://HOST/ws is WebSocket, http://HOST/ws SockJS. `chat` and `user`: who sends what. Optional: the STOMP
// `version` to insist on, the SockJS `transport` to insist on, gateways to `balance` requests over, `heartBeatMs`, and
// how many `beats` to live through.
const run = async (asked, seen, connect) => {
  const scenario = { heartBeatMs: HEART_BEAT_MS, beats: 0, ...asked };
  if (scenario.balance) {
    const { url, requests } = await balance(scenario.balance);
    scenario.url = url;
    seen.requests = requests;
  }
  const { until, noticed } = waiting();
  const heard = ears(seen, noticed);
  const peer = await connect(scenario, heard);
  seen.version = peer.version;
  seen.transport = peer.transport;

  const receipt = (id) => until(() => seen.receipts.includes(id));
  const subscribe = async (destination, list) => {
    await peer.subscribe(destination, destination, ({ body, headers }) => {
      list.push({ body, headers });
      noticed();
    });
    await receipt(destination);
  };
  await subscribe(`/countries/${scenario.chat}/events`, seen.events);
  await subscribe("/user/queue/errors", seen.errors);

  const usual = JSON.stringify({ authorId: scenario.user, chatId: scenario.chat });
  for (const { name, to, body = usual, event } of STEPS) {
    const answers = event ? seen.events : seen.errors;
    const before = answers.length;
    peer.send(`/chat/events.${to}`, body, name);
    await until(() => answers.length > before);
    // A wrong command never gets a RECEIPT, which the list of them shows.
    if (event) await receipt(name);
  }
  // Nothing but heart-beats, for longer than either side tolerates silence.
  const { received, sent } = seen.beats;
  await until(() => seen.beats.received >= received + scenario.beats && seen.beats.sent >= sent + scenario.beats);

  heard.closed = () => {};
  await peer.disconnect();
};

// What a library has to tell. Nothing that ends up among the faults should happen.
const ears = (seen, noticed) => ({
  receipt: (id) => {
    seen.receipts.push(id);
    noticed();
  },
  fault: (what) => seen.faults.push(String(what)),
  closed: () => seen.faults.push("closed before the end"),
  // All these libraries write to their debug log when they send a heart-beat or see one.
  debug: (line) => {
    if (line === "<<< PONG") seen.beats.received += 1;
    if (line === ">>> PING") seen.beats.sent += 1;
    noticed();
  },
});

// Waits for conditions, which are looked at again whenever something was noticed.
const waiting = () => {
  const checks = new Set();
  const until = (met) =>
    new Promise((resolve) => {
      const check = () => met() && (checks.delete(check), resolve());
      checks.add(check);
      check();
    });
  return { until, noticed: () => [...checks].forEach((check) => check()) };
};
