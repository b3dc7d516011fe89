// A web page without a browser: jsdom's window with its document, WebSocket and XMLHttpRequest.
import { JSDOM } from "jsdom";

// An empty page of the URL's origin, whose scripts run and may load more.
export const openPage = (url) => {
  const page = new JSDOM("<!doctype html><body></body>", {
    url: new URL("/", url.replace(/^ws/, "http")).href,
    runScripts: "dangerously",
    resources: "usable",
  }).window;
  // Forms are what jsdom lacks: this sends one as browsers do, and the frame it is aimed at hears when it is done.
  page.HTMLFormElement.prototype.submit = async function () {
    const { action, method, target, ownerDocument } = this;
    await fetch(action, { method, body: new URLSearchParams([...new page.FormData(this)]) });
    ownerDocument.getElementById(target).dispatchEvent(new page.Event("load"));
  };
  return page;
};
