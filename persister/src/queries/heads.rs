//! `svc.heads`: which of these chats exist, what is the newest event of each, and whom are its events for?
//!
//! The members of private chats are read after the heads. Who joined or left in between is then there, or not, a little
//! early; following the events after the head comes to the same members (see [`shared::query::Audience`]).

use std::collections::HashMap;

use sea_orm::DatabaseConnection;
use shared::error_code::ErrorCode;
use shared::policy::ChatType;
use shared::query::{Audience, HEADS_MAX, Head, Heads, HeadsRequest};

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
    let is_private = |head: &&rooms::ChatHead| head.chat_type == ChatType::Private;
    let private: Vec<i64> = heads
        .iter()
        .filter(is_private)
        .map(|head| head.chat.get())
        .collect();
    let mut members = HashMap::new();
    if !private.is_empty() {
        members = rooms::members(&db, private).await?;
    }
    let head = |found: rooms::ChatHead| Head {
        chat: found.chat,
        event: found.event,
        audience: match found.chat_type {
            ChatType::Group => Audience::Everybody,
            ChatType::Private => Audience::Members(members.remove(&found.chat).unwrap_or_default()),
        },
    };
    Ok(Heads {
        heads: heads.into_iter().map(head).collect(),
    })
}
