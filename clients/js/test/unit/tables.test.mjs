// What this package knows of codes is what docs/protocol.md says, which the gateway's own tests hold against its code.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ERROR_CODES, mayReconnect } from "../../dist/index.js";

const page = readFileSync(new URL("../../../../docs/protocol.md", import.meta.url), "utf8");

// The rows of the table below a heading, as arrays of cells.
const table = (heading) => {
  const section = page.split(`## ${heading}\n`)[1].split("\n## ")[0];
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
};

test("every error code is known, and no other", () => {
  const documented = table("Error codes").map(([code]) => code.replaceAll("`", ""));
  assert.deepEqual([...ERROR_CODES].sort(), documented.sort());
});

test("a client comes back when the table says so", () => {
  const rows = table("Why connections end");
  assert.ok(rows.length > 10);
  for (const [name, code, text, reconnect] of rows) {
    // The answer to a close of our own.
    if (name === "`client_disconnect`") continue;
    assert.equal(mayReconnect({ code: Number(code), reason: text }), reconnect === "yes", name);
  }
});
