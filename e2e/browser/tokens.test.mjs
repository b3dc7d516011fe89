// The page with a gateway that wants tokens: who has none, who has one, whose runs out, who shows somebody else's.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { sign } from "../token.mjs";
import { accessible, card, connected, endsWithItsContent, join, launch, open, picture } from "./page.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const paste = async (card, token) => {
  await card.getByLabel("Token").fill(token);
  await card.getByLabel("Token").press("Enter");
};

const turnedAway = (card) => card.locator(".pill.stopped").waitFor();

test("who has no token is turned away, and with one is let in", async () => {
  const { page, close } = await open(browser, { query: "?users=71&chat=11", letIn: false });
  const only = card(page, 71);
  await turnedAway(only);
  assert.match(await only.locator(".reason").first().textContent(), /^UNAUTHORIZED.*There is no bearer token.*4003/s);
  await page.getByRole("navigation").getByRole("alert").waitFor();
  await picture(page, "no-token");
  await accessible(page);

  await paste(only, sign(71, 600));
  await connected(only);
  await join(only);
  await page.getByRole("navigation").getByRole("button", { name: "Ukraine" }).waitFor();
  assert.equal(await page.getByRole("navigation").getByRole("alert").count(), 0);
  await picture(page, "token");
  await close();
});

test("a token that runs out is told of, and renewed without a new connection", async () => {
  const { page, close } = await open(browser, { query: "?users=72&chat=12", letIn: false });
  const only = card(page, 72);
  await turnedAway(only);
  // Less than the minute before the end in which the gateway warns.
  await paste(only, sign(72, 50));
  await connected(only);
  await only.locator(".notice").getByText("TOKEN_EXPIRES_SOON").waitFor();
  await picture(page, "token-expires-soon");
  await accessible(page);
  await only.getByText("Frames on the wire").click();
  await paste(only, sign(72, 600));
  await only.getByText("receipt-id:token").first().waitFor();
  assert.equal(await only.locator(".notice").count(), 0);
  await connected(only);
  await endsWithItsContent(page);

  // One that is over when nobody has another: the session ends, and coming back is of no use.
  await paste(only, sign(72, 6));
  await turnedAway(only);
  assert.match(await only.locator(".reason").first().textContent(), /The token has expired/);
  await picture(page, "token-expired");
  await close();
});

test("who shows somebody else's token cannot act as another", async () => {
  const { page, close } = await open(browser, { query: "?users=73,74&chat=13", letIn: false });
  const [first, second] = [card(page, 73), card(page, 74)];
  await paste(first, sign(73, 600));
  await paste(second, sign(73, 600));
  await connected(second);
  await second.getByRole("button", { name: "Join" }).click();
  const alert = second.getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.textContent(), /AUTHOR_MISMATCH The session belongs to user 73, not to user 74/);
  await picture(page, "author-mismatch");
  await accessible(page);
  await paste(second, sign(74, 600));
  await second.locator(".problem").getByText("The token is of user 74, the session is not").waitFor();
  await second.getByRole("button", { name: "Disconnect" }).click();
  await second.getByRole("button", { name: "Connect", exact: true }).click();
  await connected(second);
  await join(second);
  await first.locator(".feed .join").waitFor();
  await close();
});
