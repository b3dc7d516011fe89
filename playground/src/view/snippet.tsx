// Code that does what this card does, to take home.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";

import { sockJsTransports, sockJsUrl, webSocketUrl } from "../state/transports";
import type { Visitor } from "../state/visitor";
import { chat } from "../state/window";
import { announce } from "./announce";

type Flavour = "helper" | "stompjs";

interface Road {
  readonly imports: string;
  readonly socket: string;
}

const roadOf = ({ transport }: Visitor, raw: string, factory: string): Road => {
  const transports = sockJsTransports(transport.value);
  if (transports === undefined) return { imports: "", socket: `  ${raw}: "${webSocketUrl}",\n` };
  const options = transports.length === 0 ? "" : `, null, { transports: ["${transports[0]}"] }`;
  return {
    imports: 'import SockJS from "sockjs-client";\n',
    socket: `  ${factory}: () => new SockJS("${sockJsUrl}"${options}),\n`,
  };
};

const helper = (visitor: Visitor): string => {
  const { imports, socket } = roadOf(visitor, "url", "openSocket");
  const url = socket.includes("openSocket") ? `  url: "${sockJsUrl}",\n` : "";
  const token = visitor.token.value ? "  token: () => fetchToken(),\n" : "";
  return `import { ChatClient } from "@talk-and-travel/chat-events";
${imports}
const client = new ChatClient({
${url}${socket}  userId: ${visitor.userId.value},
${token}});
client.connect();

const feed = client.subscribe(${chat.value}, {
  event: (event) => console.log(event.id, event.eventType, event.authorId),
});

await client.join(${chat.value}); // resolves when stored and published, throws a CommandError otherwise`;
};

const stompjs = (visitor: Visitor): string => {
  const { imports, socket } = roadOf(visitor, "brokerURL", "webSocketFactory");
  const token = visitor.token.value ? "  connectHeaders: { Authorization: `Bearer ${token}` },\n" : "";
  const body = `JSON.stringify({ authorId: ${visitor.userId.value}, chatId: ${chat.value} })`;
  return `import { Client } from "@stomp/stompjs";
${imports}
let lastEventId; // remembered over reconnects, so that nothing is missed
const joinKey = crypto.randomUUID(); // one key for one wish: sent again after a reconnect, it takes effect once
const client = new Client({
${socket}${token}  onConnect: () => {
    client.subscribe("/user/queue/errors", ({ body }) => console.warn(JSON.parse(body)));
    client.subscribe("/countries/${chat.value}/events", ({ body }) => {
      const event = JSON.parse(body);
      lastEventId = event.id;
      console.log(event);
    }, lastEventId ? { "last-event-id": String(lastEventId) } : {});
    client.publish({
      destination: "/chat/events.joinChat",
      headers: { receipt: "join-1", "idempotency-key": joinKey },
      body: ${body},
    });
  },
});
client.activate();`;
};

/** Selects what could not be copied: pages without TLS have no clipboard. */
const copy = async (text: string, shown: HTMLElement | null): Promise<string> => {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    if (shown) getSelection()?.selectAllChildren(shown);
    return "Selected: copy it with the keyboard";
  }
};

export const Snippet = ({ of: visitor }: { of: Visitor }) => {
  const flavour = useSignal<Flavour>("stompjs");
  const result = useSignal("");
  const shown = useRef<HTMLPreElement>(null);
  const text = flavour.value === "helper" ? helper(visitor) : stompjs(visitor);
  return (
    <details>
      <summary>The code for this</summary>
      <div class="row">
        <select
          aria-label="Library"
          value={flavour}
          onChange={(event) => {
            flavour.value = event.currentTarget.value as Flavour;
            result.value = "";
          }}
        >
          <option value="stompjs">@stomp/stompjs alone</option>
          <option value="helper">clients/js of this project</option>
        </select>
        <button
          type="button"
          onClick={async () => {
            result.value = await copy(text, shown.current);
            announce(result.value);
          }}
        >
          Copy
        </button>
        <span class="small muted">{result}</span>
      </div>
      <pre class="snippet" ref={shown} tabIndex={0} aria-label="Code">
        {text}
      </pre>
    </details>
  );
};
