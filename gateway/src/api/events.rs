//! `/api/chats/{chatId}/events`: a chat's history, in the form it was delivered in.

use axum::Json;
use axum::extract::{Path, Query, State};
use shared::error_code::ErrorCode;
use shared::event::ChatEvent;
use shared::id::ChatId;
use shared::query::{EVENTS_MAX, EventsRequest, HeadsRequest, Page};

use super::Api;
use super::page::{Listing, Paging, id};
use super::problem::Problem;
use crate::questions;

pub(super) async fn list(
    State(api): State<Api>,
    Path(chat): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Listing<ChatEvent>>, Problem> {
    let chat: ChatId = id("chatId", &chat)?;
    let wanted = paging.request()?;
    let client = &api.bus.client;
    let (mut rows, mut after, mut more) = (Vec::new(), wanted.after, true);
    // A page of ours may be more than a persister answers at once.
    while more && (rows.len() as u64) < wanted.limit {
        let limit = (wanted.limit - rows.len() as u64).min(EVENTS_MAX);
        let page = questions::events(client, &EventsRequest { chat, after, limit }).await?;
        // Nothing was seen before the beginning, so from there on is whatever there is.
        if let Some(oldest) = page.gone.filter(|_| after > 0) {
            return Err(Problem::history_gone(chat, oldest));
        }
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
    Ok(Listing::json(Page { rows, more }, |event| event.id.get()))
}
