// What everybody does every day: join, see it, be told what is wrong, type, leave.
import assert from "node:assert/strict";
import { test } from "node:test";

import { CommandError } from "../../dist/index.js";
import { person } from "./person.mjs";

test("events reach everybody on every gateway, typed and in order", async () => {
  const [one, two] = [person(1), person(2, { gateway: 2 })];
  const feeds = [one.follow(1), two.follow(1)];
  one.client.connect();
  two.client.connect();
  for (const [index, feed] of feeds.entries()) {
    await [one, two][index].until("established", () => feed.established.length === 1);
  }
  const { attempts, latencyMs } = await one.client.join(1);
  assert.equal(attempts, 1);
  assert.ok(latencyMs > 0 && latencyMs < 10_000);
  await one.client.startTyping(1);
  await one.client.stopTyping(1);
  await two.client.join(1);
  await one.client.leave(1);
  await two.client.leave(1);
  const expected = ["1 JOIN", "1 START_TYPING", "1 STOP_TYPING", "2 JOIN", "1 LEAVE", "2 LEAVE"];
  for (const [index, feed] of feeds.entries()) {
    await [one, two][index].until("all events", () => feed.events.length >= expected.length);
    assert.deepEqual(feed.types(), expected);
    assert.deepEqual((await feed.subscription.check()).missing, []);
  }
  assert.deepEqual(feeds[0].events, feeds[1].events);
  await Promise.all([one.client.close(), two.client.close()]);
  assert.equal(one.phase(), "idle");
});

test("who subscribes and joins sees it, however early", async () => {
  const { client, follow, until } = person(3);
  const feed = follow(2);
  client.connect();
  await client.join(2);
  await until("own JOIN", () => feed.events.length === 1);
  assert.deepEqual(feed.types(), ["3 JOIN"]);
  await client.close();
});

test("a refusal is an error with all the server said", async () => {
  const { client, heard } = person(4);
  client.connect();
  await client.join(3);
  const error = await client.join(3).catch((reason) => reason);
  assert.ok(error instanceof CommandError);
  assert.equal(error.code, "ALREADY_JOINED");
  assert.equal(error.message, "User 4 has already joined chat 3");
  assert.deepEqual([error.refusal.httpStatus, error.refusal.authorId, error.attempts], ["CONFLICT", 4, 1]);
  assert.equal((await client.join(999_999).catch((reason) => reason)).code, "CHAT_NOT_FOUND");
  assert.deepEqual(heard.errors, [], "each went to whom it concerned");
  await client.close();
});

test("a command done twice with one key is done once", async () => {
  const { client, follow, until } = person(5);
  const feed = follow(4);
  client.connect();
  await client.join(4, "the same key");
  await client.join(4, "the same key");
  await client.leave(4);
  await until("LEAVE", () => feed.events.length >= 2);
  assert.deepEqual(feed.types(), ["5 JOIN", "5 LEAVE"]);
  await client.close();
});

test("a chat that does not exist refuses its subscription, and the session goes on", async () => {
  const { client, follow, until } = person(6);
  const feed = follow(999_999);
  client.connect();
  await until("refusal", () => feed.refused.length === 1);
  assert.equal(feed.refused[0].code, "CHAT_NOT_FOUND");
  await client.join(5);
  await client.close();
});

test("keystrokes become START and STOP", async () => {
  const { client, follow, until } = person(7);
  const feed = follow(6);
  client.connect();
  const results = [];
  const typing = client.typing(6, (_, result) => results.push(result), { idleMs: 50, refreshMs: 20_000 });
  typing.keystroke();
  typing.keystroke();
  await until("START and STOP", () => feed.events.length >= 2);
  assert.deepEqual(feed.types(), ["7 START_TYPING", "7 STOP_TYPING"]);
  await Promise.all(results);
  await client.close();
});

test("queries know the chats and who is in them", async () => {
  const { client } = person(8);
  client.connect();
  await client.join(7);
  const chats = await client.history.chats(50);
  assert.equal(chats.length, 50);
  const { country, members } = await client.history.chat(7);
  assert.match(country.code, /^[A-Z]{2}$/);
  assert.equal(members, 1);
  assert.deepEqual(await client.history.members(7), { userIds: [8], complete: true });
  await client.close();
});

for (const transport of ["websocket", "xhr-streaming", "xhr-polling", "eventsource"]) {
  test(`all of it works over SockJS's ${transport}`, async () => {
    const user = 10 + transport.length;
    const { client, follow, until } = person(user, { transport });
    const feed = follow(8);
    client.connect();
    await client.join(8);
    await client.leave(8);
    await until("both events", () => feed.events.length >= 2);
    assert.deepEqual(feed.types(), [`${user} JOIN`, `${user} LEAVE`]);
    await client.close();
  });
}
