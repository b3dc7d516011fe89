//! Writes what was decided.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use shared::command::CommandId;

use shared::partition::Partition;

use super::rows::Rows;
use super::{StoreError, memberships, seats, typing};
use crate::decide::Decision;
use crate::entity::{cmd_rejection, event};

/// All of a decision. Order matters, so that this and `chats remove` never wait for each other: first what locks
/// the chat (rows that refer to it), then memberships before countries, and what goes with the chat at last.
pub(super) async fn decision(
    db: &impl ConnectionTrait,
    partition: Partition,
    decision: &Decision,
) -> Result<(), StoreError> {
    forget_rejections(db, &decision.reconsidered).await?;
    events(db, decision).await?;
    rejections(db, decision).await?;
    typing::begin(db, partition, &decision.typing).await?;
    seats::take(db, &decision.seated).await?;
    memberships::join(db, &decision.joined).await?;
    memberships::leave(db, &decision.left).await?;
    memberships::add_to_countries(db, &decision.countries).await?;
    typing::end(db, &decision.typing).await?;
    Ok(())
}

/// Of commands whose rejection was not final, and that were decided anew.
async fn forget_rejections(db: &impl ConnectionTrait, ids: &[CommandId]) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    cmd_rejection::Entity::delete_many()
        .filter(cmd_rejection::Column::CommandId.is_in(ids.iter().map(|id| id.uuid())))
        .exec(db)
        .await?;
    Ok(())
}

async fn events(db: &impl ConnectionTrait, decision: &Decision) -> Result<(), DbErr> {
    if decision.events.is_empty() {
        return Ok(());
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
    let insert = rows.insert::<event::Entity>(columns, db.get_database_backend());
    db.execute(&insert).await?;
    Ok(())
}

async fn rejections(db: &impl ConnectionTrait, decision: &Decision) -> Result<(), DbErr> {
    if decision.rejections.is_empty() {
        return Ok(());
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
    let insert = rows.insert::<cmd_rejection::Entity>(columns, db.get_database_backend());
    db.execute(&insert).await?;
    Ok(())
}
