// A browser, the playground in it, and what the tests do with it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { chromium } from "playwright-core";

import { gateways } from "../control.mjs";

const WAIT_MAX_MS = 30_000;
const FIND_CHROMIUM = new URL("../../deploy/local/chromium.sh", import.meta.url).pathname;
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

// Pictures of every state, for whoever wants to look.
const PICTURES = new URL("../../target/playground-pictures/", import.meta.url);
mkdirSync(PICTURES, { recursive: true });

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const DESK = { viewport: { width: 1280, height: 900 } };

// Whatever would call out to the internet is off.
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const launch = () =>
  chromium.launch({ executablePath: execFileSync(FIND_CHROMIUM, { encoding: "utf8" }).trim(), args: QUIET });

// Opens the playground of a gateway, counted from 1, and waits until every user is connected and sees events, unless they
// will not be let in. What goes wrong in the page fails the test: `faults` is what its console and its scripts complained of, `used` are SockJS's transports.
export const open = async (browser, { gateway = 1, query = "", phone = false, dark = false, letIn = true } = {}) => {
  const context = await browser.newContext({ ...(phone ? PHONE : DESK), colorScheme: dark ? "dark" : "light" });
  context.setDefaultTimeout(WAIT_MAX_MS);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  const used = new Set();
  const uses = (url) => /\/ws\/\d+\/\w+\/(\w+)/.exec(url)?.[1];
  page.on("request", (request) => used.add(uses(request.url())));
  page.on("websocket", (socket) => used.add(uses(socket.url())));
  await page.goto(`http://${gateways[gateway - 1]}/${query}`);
  if (letIn) for (const card of await page.locator("section.card").all()) await connected(card);
  return { page, used, faults, close: () => context.close() };
};

export const card = (page, user) => page.getByRole("region", { name: `User ${user}`, exact: true });

// Connected, and the subscription in force: what happens from now on is seen.
export const connected = async (card) => {
  await card.locator(".pill.connected").waitFor();
  await card.locator('.feed[aria-busy="false"]').waitFor();
};

// Joins, and waits until the server said that it is so.
export const join = async (card) => {
  await card.getByRole("button", { name: "Join" }).click();
  await card.getByText("Stored and published").first().waitFor();
};

// The events of a card, as `author words`.
export const feed = (card) =>
  card.locator(".feed li").evaluateAll((lines) =>
    lines.map((line) => `${line.querySelector(".chip").textContent} ${line.querySelector(".what").textContent}`),
  );

export const picture = (page, name) =>
  page.screenshot({ path: new URL(`${name}.png`, PICTURES).pathname, fullPage: true });

// The page is no longer than what is on it.
export const endsWithItsContent = async (page) => {
  const { height, content } = await page.evaluate(() => ({
    height: document.documentElement.scrollHeight,
    content: Math.max(innerHeight, document.querySelector(".body").getBoundingClientRect().bottom + scrollY),
  }));
  assert.ok(height <= content + 1, `${height} > ${content}`);
};

// Nothing that keeps people out: axe's serious and critical findings.
export const accessible = async (page) => {
  // The page's policy lets no script in but its own, and the tests do not ask it to.
  await page.evaluate(readFileSync(AXE, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`), []);
};
