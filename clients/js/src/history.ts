// The queries over plain HTTP that go with the socket: what is stored, and who is in.
import type { ChatEvent } from "./event.js";

/** A chat, as `/api/chats` lists it. */
export interface Chat {
  readonly id: number;
  readonly name: string;
  readonly country: {
    /** ISO 3166-1 alpha-2, upper case. */
    readonly code: string;
    readonly name: string;
    readonly flag: string;
  };
  readonly members: number;
  /** Its newest event, if there was one. */
  readonly lastEventId: number | null;
}

interface Page<Row> {
  readonly rows: readonly Row[];
  /** Goes into `after` of the next request; null on the last page. */
  readonly next: number | null;
  readonly oldestEventId?: number;
}

/** A query that was not answered as hoped. */
export class QueryError extends Error {
  override readonly name = "QueryError";
  constructor(
    readonly status: number,
    /** The `code` of the problem document, where there was one. */
    readonly code: string | undefined,
    message: string,
  ) {
    super(message);
  }
}

/** Rows in a page; the server's own limit. */
const PAGE_ROWS = 1_000;
/** Longest wait for one answer, in milliseconds. */
const ANSWER_MAX_MS = 15_000;

/** Asks the queries below `base`, like `https://host/api`. */
export class History {
  constructor(
    private readonly base: string,
    private readonly token: () => string | undefined,
  ) {}

  /** One chat. */
  chat(chatId: number): Promise<Chat> {
    return this.get<Chat>(`chats/${chatId}`);
  }

  /** At most `max` chats, of one country or of all. */
  async chats(max = 1_000, country?: string): Promise<Chat[]> {
    const filter = country === undefined ? "" : `country=${encodeURIComponent(country)}&`;
    return (await this.list<Chat>(`chats?${filter}`, 0, max)).rows;
  }

  /** Ids of at most `max` members of a chat; `complete` tells whether these are all. */
  async members(chatId: number, max = 1_000): Promise<{ userIds: number[]; complete: boolean }> {
    const { rows, complete } = await this.list<{ userId: number }>(`chats/${chatId}/members?`, 0, max);
    return { userIds: rows.map(({ userId }) => userId), complete };
  }

  /** At most `max` stored events of a chat after that one; 0 is before the first. */
  events(chatId: number, after: number, max = 1_000): Promise<{ rows: ChatEvent[]; complete: boolean }> {
    return this.list<ChatEvent>(`chats/${chatId}/events?`, after, max);
  }

  private async list<Row>(path: string, from: number, max: number): Promise<{ rows: Row[]; complete: boolean }> {
    const rows: Row[] = [];
    let after: number | null = from;
    while (after !== null && rows.length < max) {
      const limit = Math.min(PAGE_ROWS, max - rows.length);
      const page: Page<Row> = await this.get<Page<Row>>(`${path}after=${after}&limit=${limit}`);
      rows.push(...page.rows);
      after = page.next;
    }
    return { rows, complete: after === null };
  }

  private async get<Answer>(path: string): Promise<Answer> {
    const token = this.token();
    const answer = await fetch(`${this.base}/${path}`, {
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MAX_MS),
    });
    if (answer.ok) return (await answer.json()) as Answer;
    const problem = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string; title?: string };
    const said = problem.detail ?? problem.title ?? answer.statusText;
    throw new QueryError(answer.status, problem.code, `${path}: ${said}`);
  }
}
