import { useEffect } from "preact/hooks";

import { chats, readChats } from "./state/directory";
import { chat, start, visitors } from "./state/window";
import { Announcer } from "./view/announce";
import { ChatList, ChatName } from "./view/chat-list";
import { TopBar } from "./view/top-bar";
import { VisitorCard } from "./view/visitor-card";

export const App = () => {
  useEffect(() => {
    start();
  }, []);
  // Again with a token, where the list is not for everybody.
  const token = visitors.value.map(({ token }) => token.value.trim()).find(Boolean);
  useEffect(() => void readChats(), [token]);
  const current = chats.value.find(({ id }) => id === chat.value);
  return (
    <>
      <a class="skip" href="#users">
        To the users
      </a>
      <TopBar />
      <div class="body">
        <ChatList />
        <main id="users" tabIndex={-1}>
          <p class="where">
            {current ? <ChatName of={current} /> : `Chat ${chat.value}`}{" "}
            <span class="muted mono small">/countries/{chat}/events</span>
          </p>
          <div class="cards">
            {visitors.value.map((visitor, index) => (
              <VisitorCard key={visitor.key} of={visitor} isFirst={index === 0} />
            ))}
          </div>
        </main>
      </div>
      <Announcer />
    </>
  );
};
