//! `svc.events`: a page of a chat's events after a given one.
//!
//! A page after event X is complete if and only if no later event of the chat was pruned: X is at least the
//! largest id of a pruned event. That id is what the page names as the oldest to resume from. It need not exist
//! any more: everything after it does.

use sea_orm::DatabaseConnection;
use shared::query::{EVENTS_MAX, EventsPage, EventsRequest};

use super::Unanswered;
use crate::store::{events, retention};

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
    // Read after the page, so that what is pruned in between is announced without need, never the other way.
    let pruned_through = retention::pruned_through(&db, question.chat).await?;
    // Who asks from the beginning has seen nothing, and wants what there is.
    let incomplete = (1..pruned_through).contains(&question.after);
    let gone = incomplete.then_some(pruned_through);
    Ok(EventsPage {
        events: page,
        more,
        gone: gone.and_then(|oldest| oldest.try_into().ok()),
    })
}
