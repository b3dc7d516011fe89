// What happens when connections are lost and gateways go: nothing is missed, nothing comes twice, nothing is sent twice.
import assert from "node:assert/strict";
import { test } from "node:test";

import { ask } from "../../../../e2e/control.mjs";
import { person } from "./person.mjs";

// More than a gateway keeps at hand, so that the history is read too.
const MANY = 150;

const typeOften = async ({ client }, chat, times) => {
  for (let time = 0; time < times; time += 1) {
    await (time % 2 === 0 ? client.startTyping(chat) : client.stopTyping(chat));
  }
};

test("what was missed comes first, once and in order", async () => {
  const [reader, writer] = [person(21), person(22, { gateway: 2 })];
  const feed = reader.follow(21);
  reader.client.connect();
  writer.client.connect();
  await reader.until("established", () => feed.established.length === 1);
  await writer.client.join(21);
  await reader.until("JOIN", () => feed.events.length === 1);
  for (const missed of [2, MANY]) {
    const before = feed.events.length;
    const after = feed.subscription.lastEventId;
    const established = feed.established.length;
    reader.client.drop(600);
    await reader.until("the drop", () => reader.phase() === "waiting");
    await typeOften(writer, 21, missed);
    await reader.until("the return", () => feed.established.length > established);
    const how = feed.established.at(-1);
    assert.equal(how.resumed, true);
    assert.equal(how.after, after);
    await reader.until("all of it", () => feed.events.length >= before + missed);
    assert.ok(how.replayed <= missed);
    assert.equal(feed.events.length, before + missed);
    const { stored, missing, from } = await feed.subscription.check(after);
    assert.deepEqual([from, stored, missing], [after, missed, []]);
  }
  const ids = feed.events.map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
  await Promise.all([reader.client.close(), writer.client.close()]);
});

test("a connection lost before the first event misses none either", async () => {
  const [reader, writer] = [person(23), person(24, { gateway: 2 })];
  const feed = reader.follow(22);
  reader.client.connect();
  writer.client.connect();
  await reader.until("established", () => feed.established.length === 1);
  await writer.inPhase("connected");
  reader.client.drop(500);
  await reader.until("the drop", () => reader.phase() === "waiting");
  await writer.client.join(22);
  await reader.until("JOIN", () => feed.events.length === 1);
  await Promise.all([reader.client.close(), writer.client.close()]);
});

test("a gateway that stops says when to come back, and the client obeys", async () => {
  const { client, follow, until, heard, inPhase, phase } = person(25);
  const feed = follow(23);
  client.connect();
  await client.join(23);
  await until("JOIN", () => feed.events.length === 1);
  await ask("stop 1");
  const { delayMs, ending } = await inPhase("waiting");
  assert.equal(ending.closing.code, 1012);
  assert.equal(ending.closing.reason, `going away, reconnect in ${delayMs} ms`);
  // Sent while there is nobody to take it.
  const left = client.leave(23);
  await ask("start 1");
  assert.ok((await left).attempts >= 1);
  await until("LEAVE", () => feed.events.length === 2);
  assert.equal(phase(), "connected");
  await until("the return", () => feed.established.length === 2);
  assert.equal(feed.established[1].resumed, true);
  assert.deepEqual(heard.errors, []);
  await client.close();
});

test("a gateway killed under a command leaves it done once", async () => {
  const { client, follow, until, inPhase } = person(26);
  const feed = follow(24);
  client.connect();
  await client.join(24);
  await until("JOIN", () => feed.events.length === 1);
  // On its way or not, stored or not: nobody can know, and it does not matter.
  const left = client.leave(24);
  await ask("kill 1");
  await inPhase("waiting");
  await ask("start 1");
  const joined = client.join(24);
  await left;
  await joined;
  await until("LEAVE and JOIN", () => feed.events.length >= 3);
  assert.deepEqual(feed.types(), ["26 JOIN", "26 LEAVE", "26 JOIN"]);
  assert.deepEqual((await feed.subscription.check()).missing, []);
  await client.close();
});

test("a history that no longer reaches back is said to be gone, and live events go on", async () => {
  const [reader, writer] = [person(27), person(28, { gateway: 2 })];
  writer.client.connect();
  await writer.client.join(25);
  await typeOften(writer, 25, 3);
  const { rows } = await writer.client.history.events(25, 0);
  await ask(`prune 25 ${rows[2].id}`);
  const feed = reader.follow(25, rows[0].id);
  reader.client.connect();
  await reader.until("HISTORY_GONE", () => feed.gone.length === 1);
  assert.equal(feed.gone[0].oldestEventId, rows[2].id);
  await writer.client.leave(25);
  await reader.until("LEAVE", () => feed.events.length === 1);
  assert.deepEqual(feed.types(), ["28 LEAVE"]);
  assert.deepEqual((await feed.subscription.check()).missing, [], "what is gone is not held against anybody");
  await Promise.all([reader.client.close(), writer.client.close()]);
});

test("whoever sends after closing is told that it was not sent", async () => {
  const { client } = person(29);
  await client.close();
  const error = await client.join(26).catch((reason) => reason);
  assert.deepEqual([error.code, error.attempts], ["NOT_SENT", 0]);
});
