// A newcomer with the page: sees everything, breaks it, and it holds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ask } from "../control.mjs";
import { accessible, card, connected, feed, join, launch, open, picture } from "./page.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("two users in two pages on two gateways see each other", async () => {
  const one = await open(browser, { query: "?users=1&chat=4" });
  const two = await open(browser, { gateway: 2, query: "?users=2&chat=4", dark: true });
  const [first, second] = [card(one.page, 1), card(two.page, 2)];
  await join(first);
  await second.locator(".feed .join").waitFor();
  await join(second);
  await first.locator(".feed .join").nth(1).waitFor();
  assert.deepEqual(await feed(first), ["1 joined", "2 joined"]);
  assert.deepEqual(await feed(second), ["1 joined", "2 joined"]);
  await first.locator(".people .chip").nth(1).waitFor();

  await second.getByLabel("Type something").pressSequentially("hello");
  await first.getByText("user 2 is typing").waitFor();
  await picture(one.page, "typing-seen-by-the-other");
  await picture(two.page, "dark");
  await second.getByRole("button", { name: "Send" }).click();
  await first.locator(".feed .stop_typing").waitFor();
  await accessible(one.page);
  await accessible(two.page);
  assert.deepEqual([...one.faults, ...two.faults], []);
  await Promise.all([one.close(), two.close()]);
});

test("an error stands where it was caused", async () => {
  const { page, faults, close } = await open(browser, { query: "?users=11,12&chat=5" });
  await join(card(page, 11));
  await card(page, 11).getByRole("button", { name: "Join" }).click();
  const alert = card(page, 11).getByRole("alert");
  await alert.waitFor();
  assert.equal((await alert.textContent()).trim(), "ALREADY_JOINED User 11 has already joined chat 5");
  assert.equal(await card(page, 12).getByRole("alert").count(), 0);
  await picture(page, "error");
  await accessible(page);
  assert.deepEqual(faults, []);
  await close();
});

test("a dropped connection misses nothing, and the page shows it", async () => {
  const { page, close } = await open(browser, { query: "?users=21,22&chat=6" });
  const [lost, other] = [card(page, 21), card(page, 22)];
  await join(lost);
  await lost.locator(".feed .join").waitFor();
  await lost.getByLabel("How long to stay away").selectOption("2");
  await lost.getByRole("button", { name: "Drop my connection" }).click();
  await lost.locator(".pill.waiting").waitFor();
  await picture(page, "dropped");
  await join(other);
  await other.getByRole("button", { name: "Leave" }).click();
  await other.locator(".feed .leave").waitFor();
  await lost.getByText("2 events missed, 2 replayed").waitFor();
  await lost.getByText("no gap").waitFor();
  assert.deepEqual(await feed(lost), await feed(other));
  assert.equal(await lost.locator(".feed .replayed").count(), 2);
  await picture(page, "returned");
  await accessible(page);
  await close();
});

test("a gateway killed and started again leaves no gap", async () => {
  const one = await open(browser, { query: "?users=31&chat=7" });
  const two = await open(browser, { gateway: 2, query: "?users=32&chat=7" });
  const [first, second] = [card(one.page, 31), card(two.page, 32)];
  await join(first);
  await ask("kill 1");
  await first.locator(".pill.waiting, .pill.connecting").waitFor();
  await picture(one.page, "gateway-killed");
  await join(second);
  await ask("start 1");
  await connected(first);
  await first.getByText("1 event missed, 1 replayed").waitFor();
  await first.getByText("no gap").waitFor();
  assert.deepEqual(await feed(first), ["31 joined", "32 joined"]);
  await Promise.all([one.close(), two.close()]);
});

// SockJS's transports, and the last part of the address that the gateway has for each.
const TRANSPORTS = {
  "xhr-streaming": "xhr_streaming",
  eventsource: "eventsource",
  "xhr-polling": "xhr",
  "jsonp-polling": "jsonp",
  "sockjs-websocket": "websocket",
};
for (const [index, [transport, path]] of Object.entries(TRANSPORTS).entries()) {
  test(`SockJS's ${transport} does all of it`, async () => {
    const user = 41 + index;
    const { page, used, faults, close } = await open(browser, { query: `?users=${user}&chat=8&transport=${transport}` });
    const only = card(page, user);
    await join(only);
    await only.locator(".feed .join").last().waitFor();
    assert.ok(used.has(path), [...used].join());
    await only.getByRole("button", { name: "Leave" }).click();
    await only.locator(".feed .leave").last().waitFor();
    if (transport === "xhr-streaming") await picture(page, "xhr-streaming");
    assert.deepEqual(faults, []);
    await close();
  });
}

test("it works on a phone, with nothing beside the screen", async () => {
  const { page, faults, close } = await open(browser, { query: "?users=51,52&chat=9", phone: true });
  const { scroll, width } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    width: document.documentElement.clientWidth,
  }));
  assert.ok(scroll <= width, `${scroll} > ${width}`);
  await page.getByRole("button", { name: "change" }).tap();
  await page.getByLabel("Find a country").fill("Ukr");
  await picture(page, "phone-countries");
  await page.getByRole("navigation").getByRole("button", { name: "Ukraine" }).last().tap();
  await join(card(page, 51));
  await card(page, 52).locator(".feed .join").waitFor();
  await picture(page, "phone");
  await accessible(page);
  assert.deepEqual(faults, []);
  await close();
});

test("the keyboard alone is enough", async () => {
  const { page, close } = await open(browser, { query: "?users=61&chat=10" });
  const only = card(page, 61);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "To the users");
  await page.keyboard.press("Enter");
  const reach = async (name) => {
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate(() => document.activeElement.textContent.trim())) === name) return;
    }
    assert.fail(`${name} is not reached`);
  };
  await reach("Join");
  await page.keyboard.press("Enter");
  await only.locator(".feed .join").waitFor();
  await reach("Frames on the wire".concat(await only.locator("summary .muted").first().evaluate(({ textContent }) => ` ${textContent}`)));
  await page.keyboard.press("Enter");
  await only.getByText("CONNECTED").first().waitFor();
  await only.getByText("The code for this").click();
  await only.getByText("webSocketFactory").or(only.getByText("brokerURL")).first().waitFor();
  await picture(page, "frames-and-code");
  await accessible(page);
  await close();
});
