// With a gateway that wants tokens: who has one comes in, and stays beyond the first one's end.
import assert from "node:assert/strict";
import { test } from "node:test";

import { sign } from "../../../../e2e/token.mjs";
import { person, waiting } from "../system/person.mjs";

test("a session outlives its first token, in place", async () => {
  const { until, noticed } = waiting();
  const lifetimeS = 3;
  let firstEnds;
  let asked = 0;
  // Without a user id: the token says who it is.
  const { client, heard, follow } = person(undefined, {
    token: () => {
      asked += 1;
      firstEnds ??= Date.now() + lifetimeS * 1000;
      noticed();
      return sign(71, lifetimeS);
    },
  });
  const feed = follow(1);
  client.connect();
  await client.join(1);
  await until("a token after the first one's end", () => Date.now() > firstEnds);
  await client.leave(1);
  assert.ok(asked >= 2);
  assert.equal(heard.states.filter(({ phase }) => phase === "connected").length, 1, "one connection all along");
  assert.deepEqual((await feed.subscription.check()).missing, []);
  assert.deepEqual(feed.types(), ["71 JOIN", "71 LEAVE"]);
  await client.close();
});

test("a bad token is no reason to come back again and again", async () => {
  const { client, inPhase } = person(72, { token: () => sign(72, 60, "not the secret, though as long as that one is") });
  client.connect();
  const { ending } = await inPhase("stopped");
  assert.equal(ending.closing.code, 4003);
  assert.match(ending.error, /^UNAUTHORIZED/);
  await client.close();
});

test("who cannot get a token waits and tries again", async () => {
  let asked = 0;
  const { client } = person(73, {
    token: async () => {
      asked += 1;
      if (asked === 1) throw new Error("the issuer is down");
      return sign(73, 60);
    },
  });
  client.connect();
  await client.join(2);
  assert.equal(asked, 2);
  await client.close();
});
