//! Writes what was decided.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Set};

use super::{StoreError, memberships};
use crate::decide::Decision;
use crate::entity::{cmd_rejection, event};

/// All of a decision. Order matters: memberships before countries, as `chats remove` does it too, so that the
/// two never wait for each other.
pub(super) async fn decision(
    db: &impl ConnectionTrait,
    decision: &Decision,
) -> Result<(), StoreError> {
    events(db, decision).await?;
    rejections(db, decision).await?;
    memberships::join(db, &decision.joined).await?;
    memberships::leave(db, &decision.left).await?;
    memberships::add_to_countries(db, &decision.countries).await?;
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
