//! Writes what was decided.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set};
use shared::command::CommandId;

use shared::partition::Partition;

use super::{StoreError, memberships, typing};
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
    let rows = decision.events.iter().map(|new| event::ActiveModel {
        id: Set(new.event.id.get()),
        command_id: Set(new.command_id.uuid()),
        author_id: Set(new.event.author_id.get()),
        chat_id: Set(new.event.chat_id.get()),
        event_type: Set(new.event.event_type.code()),
        event_time: Set(new.event.event_time.to_utc()),
        previous_id: Set(new.previous_id),
    });
    event::Entity::insert_many(rows)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

async fn rejections(db: &impl ConnectionTrait, decision: &Decision) -> Result<(), DbErr> {
    if decision.rejections.is_empty() {
        return Ok(());
    }
    let rows = decision
        .rejections
        .iter()
        .map(|new| cmd_rejection::ActiveModel {
            command_id: Set(new.command_id.uuid()),
            code: Set(new.code.number()),
            rejected_at: Set(new.time.to_utc()),
        });
    cmd_rejection::Entity::insert_many(rows)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
