//! `svc.heads`: which of these chats exist, and what is the newest event of each?

use sea_orm::DatabaseConnection;
use shared::error_code::ErrorCode;
use shared::query::{HEADS_MAX, Head, Heads, HeadsRequest};

use super::Unanswered;
use crate::store::rooms;

pub(super) async fn answer(
    db: DatabaseConnection,
    question: HeadsRequest,
) -> Result<Heads, Unanswered> {
    if question.chats.len() > HEADS_MAX {
        return Err(Unanswered::Refused(ErrorCode::InvalidField));
    }
    let chats = question.chats.iter().map(|chat| chat.get());
    let heads = rooms::heads(&db, chats).await?;
    Ok(Heads {
        heads: heads
            .into_iter()
            .map(|(chat, _, event)| Head { chat, event })
            .collect(),
    })
}
