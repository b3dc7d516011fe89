import type { Visitor } from "../state/visitor";
import { removeVisitor, visitors } from "../state/window";
import { Composer, Membership } from "./composer";
import { ConnectionActions, ConnectionSettings, ConnectionState } from "./connection";
import { Feed } from "./feed";
import { Frames } from "./frames";
import { Latency } from "./latency";
import { People } from "./people";
import { ReturnCard } from "./return";
import { Snippet } from "./snippet";

/** One user of this window. */
export const VisitorCard = ({ of: visitor, isFirst }: { of: Visitor; isFirst: boolean }) => {
  const heading = `visitor-${visitor.key}`;
  const { userId, problem, notice } = visitor;
  return (
    <section class={`card user-${userId.value % 8}`} aria-labelledby={heading}>
      <div class="card-head">
        <h2 id={heading}>User {userId}</h2>
        <ConnectionState of={visitor} />
        {visitors.value.length > 1 && (
          <button type="button" class="quiet" onClick={() => removeVisitor(visitor)} aria-label={`Remove user ${userId.value}`}>
            Remove
          </button>
        )}
      </div>
      <ConnectionSettings of={visitor} />
      <ConnectionActions of={visitor} />
      {notice.value && (
        <p class="part notice" role="status">
          {notice}
        </p>
      )}
      {problem.value && (
        <p class="part problem" role="alert">
          {problem}
        </p>
      )}
      <Membership of={visitor} />
      <Composer of={visitor} />
      <People of={visitor} />
      <ReturnCard of={visitor} />
      <Feed of={visitor} isLog={isFirst} />
      <Latency of={visitor} />
      <Frames of={visitor} />
      <Snippet of={visitor} />
    </section>
  );
};
