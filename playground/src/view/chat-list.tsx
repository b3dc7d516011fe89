import { useSignal } from "@preact/signals";
import type { Chat } from "@talk-and-travel/chat-events";

import { chats, directoryProblem, flagOf, readChats } from "../state/directory";
import { chat, openChat } from "../state/window";
import { announce } from "./announce";

const matches = ({ id, name, country }: Chat, words: string): boolean =>
  `${id} ${name} ${country.name} ${country.code}`.toLowerCase().includes(words.trim().toLowerCase());

export const ChatName = ({ of: { name, country } }: { of: Chat }) => (
  <span class="chat-name">
    <span class="flag" aria-hidden="true">
      {flagOf(country.code)}
    </span>
    <span>{name === country.name ? name : `${country.name}: ${name}`}</span>
  </span>
);

/** Chats by country. On a phone the list folds away behind the name of the chat that is shown. */
export const ChatList = () => {
  const filter = useSignal("");
  const open = useSignal(false);
  const shown = chats.value.filter((chat) => matches(chat, filter.value));
  const current = chats.value.find(({ id }) => id === chat.value);
  const choose = (chosen: Chat): void => {
    openChat(chosen.id);
    open.value = false;
    announce(`Chat ${chosen.id}, ${chosen.name}`);
  };
  return (
    <nav class={`chats ${open.value ? "open" : ""}`} aria-label="Chats">
      <button type="button" class="fold" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        {current ? <ChatName of={current} /> : `Chat ${chat.value}`}
        <span class="muted">change</span>
      </button>
      <div class="chats-body">
        <label class="field">
          <span>Find a country</span>
          <input
            type="search"
            value={filter}
            onInput={(event) => (filter.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              const [first] = shown;
              if (event.key === "Enter" && first) choose(first);
            }}
          />
        </label>
        {directoryProblem.value && (
          <p class="problem" role="alert">
            {directoryProblem} <button type="button" onClick={readChats}>Read again</button>
          </p>
        )}
        <ul>
          {shown.map((each) => (
            <li key={each.id}>
              <button type="button" aria-current={each.id === chat.value} onClick={() => choose(each)}>
                <ChatName of={each} />
                <span class="muted mono" title={`chat ${each.id}`}>
                  {each.id}
                </span>
              </button>
            </li>
          ))}
        </ul>
        {shown.length === 0 && chats.value.length > 0 && <p class="muted">No country matches.</p>}
      </div>
    </nav>
  );
};
