//! `/api/chats…`: the chats there are, and who is in them.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use shared::id::{ChatId, UserId};
use shared::query::{Chat, DirectoryRequest, Page};
use utoipa::ToSchema;

use super::Api;
use super::access;
use super::caller::Caller;
use super::page::{Listing, Paging, id};
use super::problem::{AboutChat, Problem};
use crate::questions;

/// `?country=UA&after=&limit=`.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    country: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

/// A member, as an object so that more can be said of one later.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    /// Who.
    user_id: UserId,
}

/// The GROUP chats there are, in order of id. Private ones are in their members' own lists only.
#[utoipa::path(
    get,
    path = "/api/chats",
    operation_id = "listChats",
    tag = "chats",
    params(
        ("country" = Option<String>, Query, description = "Only of this country: ISO 3166-1 alpha-2 code, in either case", pattern = "^[A-Za-z]{2}$", example = "DZ"),
        Paging,
    ),
    responses((status = 200, description = "A page of them", body = Listing<Chat>), Problem),
)]
pub(super) async fn list(
    State(api): State<Api>,
    _: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<Listing<Chat>>, Problem> {
    let country = filter.country.map(|code| code.to_ascii_uppercase());
    let known =
        |code: &String| code.len() == 2 && code.bytes().all(|octet| octet.is_ascii_uppercase());
    if country.as_ref().is_some_and(|code| !known(code)) {
        return Err(Problem::invalid(
            "country",
            "must be a two-letter country code",
        ));
    }
    let page = filter.paging.request()?;
    let question = DirectoryRequest::Chats { country, page };
    let page: Page<Chat> = questions::directory(&api.bus.client, &question).await?;
    Ok(Listing::json(page, |chat| chat.id.get()))
}

/// One chat.
#[utoipa::path(
    get,
    path = "/api/chats/{chatId}",
    operation_id = "getChat",
    tag = "chats",
    params(("chatId" = ChatId, Path, description = "Which one")),
    responses((status = 200, description = "This one", body = Chat), Problem, AboutChat),
)]
pub(super) async fn one(
    State(api): State<Api>,
    caller: Caller,
    Path(chat): Path<String>,
) -> Result<Json<Chat>, Problem> {
    let chat: ChatId = id("chatId", &chat)?;
    access::check(&api, caller, chat).await?;
    let found = questions::directory(&api.bus.client, &DirectoryRequest::Chat(chat)).await;
    found
        .map(Json)
        .map_err(|code| Problem::about_chat(code, chat))
}

/// The members of a chat, in order of user id.
#[utoipa::path(
    get,
    path = "/api/chats/{chatId}/members",
    operation_id = "listMembers",
    tag = "chats",
    params(("chatId" = ChatId, Path, description = "Of this chat"), Paging),
    responses((status = 200, description = "A page of them", body = Listing<Member>), Problem, AboutChat),
)]
pub(super) async fn members(
    State(api): State<Api>,
    caller: Caller,
    Path(chat): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Listing<Member>>, Problem> {
    let chat: ChatId = id("chatId", &chat)?;
    let page = paging.request()?;
    access::check(&api, caller, chat).await?;
    let question = DirectoryRequest::Members { chat, page };
    let page: Page<UserId> = questions::directory(&api.bus.client, &question)
        .await
        .map_err(|code| Problem::about_chat(code, chat))?;
    let rows = page
        .rows
        .into_iter()
        .map(|user_id| Member { user_id })
        .collect();
    Ok(Listing::json(
        Page {
            rows,
            more: page.more,
        },
        |member| member.user_id.get(),
    ))
}
