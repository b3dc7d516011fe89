// Commands on a scripted wire: what is tried again, with which key, in which order, and when it is enough.
import assert from "node:assert/strict";
import { test } from "node:test";

import { CommandError } from "../../dist/index.js";
import { Commands } from "../../dist/commands.js";

const PATIENCE = { attemptsMax: 4, deadlineMs: 10_000 };

// A wire that answers the n-th frame with the n-th entry of `script`: "receipt", "lost", a refusal, or nothing.
const scripted = (script, { isConnected = () => true } = {}) => {
  const sent = [];
  const commands = new Commands(
    {
      connected: async () => isConnected(),
      send: (destination, body, headers) => {
        const answer = script[sent.length];
        sent.push({ destination, body, key: headers["idempotency-key"], receipt: headers.receipt });
        queueMicrotask(() => {
          if (answer === "receipt") commands.onReceipt(headers.receipt);
          else if (answer === "lost") commands.onDisconnected();
          else if (answer) commands.onRefusal(headers.receipt, answer);
        });
      },
    },
    7,
  );
  return { commands, sent };
};

const refusal = (code, retryable, more = {}) => ({ code, retryable, message: `it is ${code}`, ...more });

const failure = async (promise) => {
  const error = await promise.then(() => undefined, (reason) => reason);
  assert.ok(error instanceof CommandError, String(error));
  return error;
};

test("a command is its destination, its author and its key, and succeeds with its receipt", async () => {
  const { commands, sent } = scripted(["receipt"]);
  const { attempts, idempotencyKey } = await commands.perform("joinChat", 4, PATIENCE);
  assert.equal(attempts, 1);
  assert.deepEqual({ ...sent[0], receipt: undefined }, {
    destination: "/chat/events.joinChat",
    body: '{"authorId":7,"chatId":4}',
    key: idempotencyKey,
    receipt: undefined,
  });
});

test("what may fare better is tried again with the same key and another receipt", async () => {
  const { commands, sent } = scripted([refusal("UNAVAILABLE", true), "lost", refusal("OUTCOME_UNKNOWN", true), "receipt"]);
  const { attempts } = await commands.perform("joinChat", 4, PATIENCE);
  assert.equal(attempts, 4);
  assert.equal(new Set(sent.map(({ key }) => key)).size, 1);
  assert.equal(new Set(sent.map(({ receipt }) => receipt)).size, 4);
});

test("what is refused for good fails at once", async () => {
  const { commands, sent } = scripted([refusal("ALREADY_JOINED", false)]);
  const { code, attempts, refusal: said } = await failure(commands.perform("joinChat", 4, PATIENCE));
  assert.deepEqual([code, attempts, said.message, sent.length], ["ALREADY_JOINED", 1, "it is ALREADY_JOINED", 1]);
});

test("retryAfterMs is waited for", async () => {
  const { commands } = scripted([refusal("RATE_LIMITED", true, { retryAfterMs: 700 }), "receipt"]);
  const start = performance.now();
  await commands.perform("joinChat", 4, PATIENCE);
  assert.ok(performance.now() - start >= 695);
});

test("attempts end, and the error says whether it may have happened", async () => {
  const unavailable = refusal("UNAVAILABLE", true);
  const patience = { attemptsMax: 2, deadlineMs: 10_000 };
  const never = scripted([unavailable, unavailable]);
  assert.equal((await failure(never.commands.perform("joinChat", 4, patience))).code, "UNAVAILABLE");
  const perhaps = scripted(["lost", unavailable]);
  const { code, attempts } = await failure(perhaps.commands.perform("joinChat", 4, patience));
  assert.deepEqual([code, attempts], ["OUTCOME_UNKNOWN", 2]);
  const offline = scripted([], { isConnected: () => false });
  const error = await failure(offline.commands.perform("joinChat", 4, patience));
  assert.deepEqual([error.code, error.attempts], ["NOT_SENT", 0]);
});

test("silence ends with the deadline", async () => {
  const { commands } = scripted([]);
  const { code } = await failure(commands.perform("startTyping", 4, { attemptsMax: 3, deadlineMs: 60 }));
  assert.equal(code, "OUTCOME_UNKNOWN");
});

test("commands of one chat keep their order through retries; chats do not wait for each other", async () => {
  const { commands, sent } = scripted([refusal("UNAVAILABLE", true), "receipt", "receipt", "receipt"]);
  await Promise.all([
    commands.perform("joinChat", 4, PATIENCE),
    commands.perform("leaveChat", 4, PATIENCE),
    commands.perform("joinChat", 5, PATIENCE),
  ]);
  const order = sent.map(({ destination, body }) => `${destination.slice(13)} ${JSON.parse(body).chatId}`);
  assert.deepEqual(order, ["joinChat 4", "joinChat 5", "joinChat 4", "leaveChat 4"]);
});

test("more than can wait is refused at once", async () => {
  const { commands } = scripted([]);
  const waiting = Array.from({ length: 256 }, (_, chat) => commands.perform("joinChat", chat + 1, { attemptsMax: 1, deadlineMs: 50 }));
  assert.equal((await failure(commands.perform("joinChat", 999, PATIENCE))).code, "NOT_SENT");
  await Promise.allSettled(waiting);
  await failure(commands.perform("joinChat", 999, { attemptsMax: 1, deadlineMs: 10 }));
});
