//! `svc.events`: a page of a chat's events after a given one.

use sea_orm::DatabaseConnection;
use shared::query::{EVENTS_MAX, EventsPage, EventsRequest};

use super::Unanswered;
use crate::store::events;

pub(super) async fn answer(
    db: DatabaseConnection,
    question: EventsRequest,
) -> Result<EventsPage, Unanswered> {
    let limit = question.limit.clamp(1, EVENTS_MAX);
    // One more than asked for tells whether there are more.
    let mut page = events::after(&db, question.chat, question.after, limit + 1).await?;
    let more = page.len() as u64 > limit;
    if more {
        page.pop();
    }
    // Nothing is pruned yet, so every history is whole.
    Ok(EventsPage {
        events: page,
        more,
        gone: None,
    })
}
