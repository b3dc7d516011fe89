//! `/api/chats/{chatId}/events`: a chat's history, in the form it was delivered in.
//!
//! A history lists what is kept. Where events after the given one are kept no longer, `oldestEventId` says from
//! which event on the list is complete.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Serialize;
use shared::error_code::ErrorCode;
use shared::event::ChatEvent;
use shared::id::{ChatId, EventId};
use shared::query::{EVENTS_MAX, EventsRequest, HeadsRequest};
use utoipa::ToSchema;

use super::Api;
use super::access;
use super::caller::Caller;
use super::page::{Paging, id};
use super::problem::{AboutChat, Problem};
use crate::questions;

/// A page of a chat's history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct History {
    /// The events, in order of id.
    rows: Vec<ChatEvent>,
    /// What goes into `after` of the next request; null on the last page.
    #[schema(required)]
    next: Option<EventId>,
    /// There when events after the given one are no longer kept: from this event on the list is complete.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_event_id: Option<EventId>,
}

/// A chat's history in order of id, in the form it was delivered in.
#[utoipa::path(
    get,
    path = "/api/chats/{chatId}/events",
    operation_id = "listEvents",
    tag = "chats",
    params(("chatId" = ChatId, Path, description = "Of this chat"), Paging),
    responses((status = 200, description = "A page of it", body = History), Problem, AboutChat),
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Path(chat): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<History>, Problem> {
    let chat: ChatId = id("chatId", &chat)?;
    let wanted = paging.request()?;
    access::check(&api, caller, chat).await?;
    let client = &api.bus.client;
    let (mut rows, mut after, mut more) = (Vec::new(), wanted.after, true);
    let mut oldest_event_id = None;
    // A page of ours may be more than a persister answers at once.
    while more && (rows.len() as u64) < wanted.limit {
        let limit = (wanted.limit - rows.len() as u64).min(EVENTS_MAX);
        let page = questions::events(client, &EventsRequest { chat, after, limit }).await?;
        oldest_event_id = oldest_event_id.max(page.gone);
        more = page.more;
        rows.extend(page.events.into_iter().map(|chained| chained.event));
        after = rows
            .last()
            .map_or(after, |event: &ChatEvent| event.id.get());
    }
    if rows.is_empty() {
        // An empty page may be that of a chat that does not exist.
        let heads = questions::heads(client, &HeadsRequest { chats: vec![chat] }).await?;
        if heads.heads.is_empty() {
            return Err(Problem::about_chat(ErrorCode::ChatNotFound, chat));
        }
    }
    let next = if more {
        rows.last().map(|event| event.id)
    } else {
        None
    };
    Ok(Json(History {
        rows,
        next,
        oldest_event_id,
    }))
}
