//! Who has a seat in a PRIVATE chat.

use sea_orm::sea_query::{Expr, InsertStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter};
use shared::id::{ChatId, UserId};

use super::rows::Rows;
use crate::entity::chat_seat::{Column, Entity};

/// The seats taken in these chats.
pub(super) async fn read(
    db: &impl ConnectionTrait,
    chats: &[i64],
) -> Result<Vec<(ChatId, UserId)>, DbErr> {
    if chats.is_empty() {
        return Ok(Vec::new());
    }
    let chats: Rows<1> = chats.iter().map(|id| [(*id).into()]).collect();
    let rows = Entity::find()
        .filter(chats.contain([Expr::col(Column::ChatId)], db.get_database_backend()))
        .all(db)
        .await?;
    let seats = rows.into_iter().filter_map(|row| {
        Some((
            ChatId::try_from(row.chat_id).ok()?,
            UserId::try_from(row.user_id).ok()?,
        ))
    });
    Ok(seats.collect())
}

/// Takes seats that were free.
pub(super) fn taking(backend: DbBackend, seats: &[(UserId, ChatId)]) -> Option<InsertStatement> {
    if seats.is_empty() {
        return None;
    }
    let rows: Rows<2> = seats
        .iter()
        .map(|(user, chat)| [chat.get().into(), user.get().into()])
        .collect();
    let columns = [Column::ChatId, Column::UserId];
    Some(rows.insert::<Entity>(columns, backend))
}

/// Takes seats, outside a batch.
pub(crate) async fn take(
    db: &impl ConnectionTrait,
    seats: &[(UserId, ChatId)],
) -> Result<(), DbErr> {
    if let Some(insert) = taking(db.get_database_backend(), seats) {
        db.execute(&insert).await?;
    }
    Ok(())
}
