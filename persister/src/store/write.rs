//! Writes what was decided.

use std::collections::BTreeSet;

use sea_orm::sea_query::{
    Expr, InsertStatement, LockType, Order, Query, SelectStatement, UpdateStatement,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter};
use shared::command::CommandId;
use shared::id::ChatId;
use shared::partition::Partition;

use super::rows::Rows;
use super::together::Together;
use super::{StoreError, memberships, seats, typing};
use crate::decide::Decision;
use crate::entity::{chat, cmd_rejection, event};

/// How the numbers of chats are changed by which users belong to countries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// With everything else, unless somebody else is just changing them: then it is a conflict.
    Together,
    /// In steps of their own, where a transaction holds them together.
    Apart,
}

/// Whether all of it can be one statement of PostgreSQL: a rejection may take the place of one that goes.
pub(super) fn is_one_statement(decision: &Decision) -> bool {
    decision.reconsidered.is_empty()
}

/// All of a decision, behind the fence. The chats are locked before anything that `chats remove` changes, too, so that
/// the two never wait for each other.
pub(super) async fn decision(
    db: &impl ConnectionTrait,
    partition: Partition,
    fence: UpdateStatement,
    decision: &Decision,
    counting: Counting,
) -> Result<(), StoreError> {
    let backend = db.get_database_backend();
    let mut together = Together::default();
    // Misses if this replica is not the owner any more; the lock on the row keeps the next owner out until the commit.
    together.expect(Some(fence), 1, || StoreError::Fenced);
    if !decision.reconsidered.is_empty() {
        std::mem::take(&mut together).execute(db).await?;
        forget_rejections(db, &decision.reconsidered).await?;
    }
    together.lock(referred_to(decision, backend));
    together.add(events(backend, decision));
    together.add(rejections(backend, decision));
    together.add(typing::beginning(backend, partition, &decision.typing));
    together.add(seats::taking(backend, &decision.seated));
    together.add(memberships::beginning(backend, &decision.joined));
    let ending = memberships::ending(backend, &decision.left);
    together.expect(ending, decision.left.len(), || {
        StoreError::conflict("a membership ended meanwhile")
    });
    together.add(typing::ending(backend, &decision.typing));
    if counting == Counting::Apart {
        together.execute(db).await?;
        memberships::add_to_countries(db, &decision.countries).await?;
        return Ok(());
    }
    together.lock(memberships::counted(backend, &decision.countries));
    for discount in memberships::discounting(backend, &decision.countries) {
        together.expect(discount.changes, discount.numbers, || {
            StoreError::conflict("a country's count changed meanwhile")
        });
    }
    let rises = decision.countries.iter().filter(|(_, change)| **change > 0);
    together.add(memberships::counting(backend, rises));
    together.execute(db).await
}

/// The chats that the rows to come refer to, locked as a foreign key locks them: they may not be removed.
fn referred_to(decision: &Decision, backend: DbBackend) -> Option<SelectStatement> {
    let typing = decision
        .typing
        .iter()
        .filter(|(_, typing)| typing.is_some());
    let members = decision.joined.iter().chain(&decision.seated);
    let chats: BTreeSet<ChatId> = typing
        .map(|((chat, _), _)| *chat)
        .chain(members.map(|(_, chat)| *chat))
        .collect();
    if chats.is_empty() {
        return None;
    }
    let chats: Rows<1> = chats.iter().map(|chat| [chat.get().into()]).collect();
    let rows = Query::select()
        .column(chat::Column::Id)
        .from(chat::Entity)
        .and_where(chats.contain([Expr::col(chat::Column::Id)], backend))
        .order_by(chat::Column::Id, Order::Asc)
        .lock(LockType::KeyShare)
        .take();
    Some(rows)
}

/// Of commands whose rejection was not final, and that were decided anew.
async fn forget_rejections(db: &impl ConnectionTrait, ids: &[CommandId]) -> Result<(), DbErr> {
    cmd_rejection::Entity::delete_many()
        .filter(cmd_rejection::Column::CommandId.is_in(ids.iter().map(|id| id.uuid())))
        .exec(db)
        .await?;
    Ok(())
}

fn events(backend: DbBackend, decision: &Decision) -> Option<InsertStatement> {
    if decision.events.is_empty() {
        return None;
    }
    let rows: Rows<7> = decision
        .events
        .iter()
        .map(|new| {
            [
                new.event.id.get().into(),
                new.command_id.uuid().into(),
                new.event.author_id.get().into(),
                new.event.chat_id.get().into(),
                new.event.event_type.code().into(),
                new.event.event_time.to_utc().into(),
                new.previous_id.into(),
            ]
        })
        .collect();
    let columns = [
        event::Column::Id,
        event::Column::CommandId,
        event::Column::AuthorId,
        event::Column::ChatId,
        event::Column::EventType,
        event::Column::EventTime,
        event::Column::PreviousId,
    ];
    Some(rows.insert::<event::Entity>(columns, backend))
}

fn rejections(backend: DbBackend, decision: &Decision) -> Option<InsertStatement> {
    if decision.rejections.is_empty() {
        return None;
    }
    let rows: Rows<3> = decision
        .rejections
        .iter()
        .map(|new| {
            [
                new.command_id.uuid().into(),
                new.code.number().into(),
                new.time.to_utc().into(),
            ]
        })
        .collect();
    let columns = [
        cmd_rejection::Column::CommandId,
        cmd_rejection::Column::Code,
        cmd_rejection::Column::RejectedAt,
    ];
    Some(rows.insert::<cmd_rejection::Entity>(columns, backend))
}
