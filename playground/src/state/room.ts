// Who is in a chat and who types there: the list over HTTP, and every event since.
import type { ChatEvent } from "@talk-and-travel/chat-events";
import { signal } from "@preact/signals";

export class Room {
  readonly members = signal<readonly number[]>([]);
  readonly typing = signal<readonly number[]>([]);
  /** Whether there are more members than are listed. */
  readonly more = signal(false);
  /** Events since the list was asked for, which may or may not be in it. */
  private since: ChatEvent[] | undefined;

  /** Takes the list that `ask` brings. Joining and leaving twice is the same as once, so events are simply replayed. */
  async list(ask: () => Promise<{ userIds: number[]; complete: boolean }>): Promise<void> {
    const since: ChatEvent[] = [];
    this.since = since;
    const { userIds, complete } = await ask();
    if (this.since !== since) return;
    this.since = undefined;
    this.members.value = userIds;
    this.more.value = !complete;
    for (const event of since) this.move(event);
  }

  onEvent(event: ChatEvent): void {
    this.since?.push(event);
    this.move(event);
    const others = this.typing.value.filter((user) => user !== event.authorId);
    this.typing.value = event.eventType === "START_TYPING" ? [...others, event.authorId] : others;
  }

  private move({ authorId, eventType }: ChatEvent): void {
    if (eventType !== "JOIN" && eventType !== "LEAVE") return;
    const others = this.members.value.filter((user) => user !== authorId);
    this.members.value = eventType === "JOIN" ? [...others, authorId].sort((a, b) => a - b) : others;
  }
}
