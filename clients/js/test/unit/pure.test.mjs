// The parts without a socket.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { eventDate, parseEvent, reconnectHintMs, TypingIndicator } from "../../dist/index.js";
import { Progress } from "../../dist/progress.js";
import { backoffMs } from "../../dist/waiting.js";

const event = (id) => ({ id, authorId: 1, chatId: 4, eventType: "JOIN", eventTime: "2024-08-11T08:50:59.607196" });

test("an event is read as it is, and nothing else is taken for one", () => {
  assert.deepEqual(parseEvent(JSON.stringify(event(37))), event(37));
  for (const body of ["{}", "null", JSON.stringify({ ...event(1), eventType: "SHOUT" }), JSON.stringify({ ...event(1), id: "1" })]) {
    assert.throws(() => parseEvent(body), SyntaxError, body);
  }
});

test("the time of an event is UTC wherever the client is", () => {
  assert.equal(eventDate(event(1)).toISOString(), "2024-08-11T08:50:59.607Z");
  assert.equal(eventDate({ eventTime: "2024-08-11T08:50:59" }).toISOString(), "2024-08-11T08:50:59.000Z");
});

test("the server's wish about the delay is heard, and bounded", () => {
  const hint = (reason) => reconnectHintMs({ code: 1012, reason });
  assert.equal(hint("going away, reconnect in 1234 ms"), 1234);
  assert.equal(hint("going away, reconnect in 0 ms"), 0);
  assert.equal(hint("going away, reconnect in 999999999 ms"), 60_000);
  assert.equal(hint("slow consumer"), undefined);
});

test("waits double, stay within their bounds and differ", () => {
  const bounds = { firstMs: 1_000, maxMs: 30_000 };
  for (const [failures, ceiling] of [[0, 1_000], [1, 2_000], [4, 16_000], [5, 30_000], [1_000, 30_000]]) {
    assert.equal(backoffMs(bounds, failures, 0), 50);
    const most = backoffMs(bounds, failures, 1 - Number.EPSILON);
    assert.ok(most <= ceiling && most > ceiling - 2, `${failures}: ${most}`);
  }
  assert.notEqual(backoffMs(bounds, 5, 0.1), backoffMs(bounds, 5, 0.2));
});

test("what came before is dropped and what never came is missed", () => {
  const progress = new Progress(10);
  assert.deepEqual([10, 12, 12, 11, 15].map((id) => progress.accept(event(id))), [false, true, false, false, true]);
  assert.equal(progress.duplicates, 3);
  assert.equal(progress.last, 15);
  const missing = (stored) => progress.compare(0, 15, stored.map(event)).missing.map(({ id }) => id);
  assert.deepEqual(missing([9, 12, 15, 16]), []);
  assert.deepEqual(missing([12, 13, 15]), [13]);
});

test("after a hole that cannot be filled, only what follows counts", () => {
  const progress = new Progress(10);
  progress.accept(event(11));
  progress.restart();
  progress.accept(event(50));
  progress.accept(event(52));
  const { from, missing } = progress.compare(0, 52, [12, 50, 51, 52].map(event));
  assert.equal(from, 50);
  assert.deepEqual(missing.map(({ id }) => id), [51]);
});

test("START comes with the first key and before the lease, STOP after a pause, once", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const told = [];
  const typing = new TypingIndicator((is) => told.push(is), { idleMs: 4_000, refreshMs: 20_000 }, Date.now);
  typing.keystroke();
  assert.deepEqual(told, [true]);
  for (let second = 0; second < 19; second += 1) {
    mock.timers.tick(1_000);
    typing.keystroke();
  }
  assert.deepEqual(told, [true]);
  mock.timers.tick(1_000);
  typing.keystroke();
  assert.deepEqual(told, [true, true], "told again before the lease ends");
  mock.timers.tick(3_999);
  assert.ok(typing.typing);
  mock.timers.tick(1);
  assert.deepEqual(told, [true, true, false]);
  typing.stop();
  assert.equal(told.length, 3, "nothing to stop");
  typing.keystroke();
  typing.forget();
  mock.timers.tick(10_000);
  assert.deepEqual(told, [true, true, false, true], "a lost connection is no STOP of ours");
  mock.timers.reset();
});
