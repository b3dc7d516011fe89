// sockjs-client with the transports that Node.js has, and inside a page of jsdom with the one that needs scripts and
// forms. The others need a real browser and are not played: jsdom reads an iframe's page only when it is complete,
// which htmlfile never is, and does not say where a message between frames comes from, which the iframe transports
// check. gateway/tests/sockjs holds what the gateway owes to those.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import SockJS from "sockjs-client";

import { openPage } from "./page.mjs";

const NEED_A_PAGE = new Set(["jsonp-polling"]);

// Without a transport, the library takes the first that works.
export const openSockJs = (url, transport) => {
  const Socket = NEED_A_PAGE.has(transport) ? inPage(url) : SockJS;
  return new Socket(url, null, transport && { transports: [transport] });
};

// The library as a page's <script> loads it.
const inPage = (url) => {
  const page = openPage(url);
  const script = createRequire(import.meta.url).resolve("sockjs-client/dist/sockjs.min.js");
  page.eval(readFileSync(script, "utf8"));
  return page.SockJS;
};
