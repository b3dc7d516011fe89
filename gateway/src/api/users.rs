//! `/api/users/{userId}/…`: where somebody is a member. Users are known by their memberships alone, so somebody
//! without any has empty lists.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Serialize;
use shared::id::UserId;
use shared::query::{Chat, DirectoryRequest, Page, UserCountry};
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::page::{Listing, Paging, id};
use super::problem::{AboutUser, Problem};
use crate::questions;

/// All countries of a user: never more than there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Countries {
    /// In order of code.
    rows: Vec<UserCountry>,
}

/// The chats somebody is a member of, in order of id.
#[utoipa::path(
    get,
    path = "/api/users/{userId}/chats",
    operation_id = "listUserChats",
    tag = "users",
    params(("userId" = UserId, Path, description = "Whose"), Paging),
    responses((status = 200, description = "A page of them", body = Listing<Chat>), Problem, AboutUser),
)]
pub(super) async fn chats(
    State(api): State<Api>,
    caller: Caller,
    Path(user): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Listing<Chat>>, Problem> {
    let user: UserId = id("userId", &user)?;
    caller.check_is(user)?;
    let page = paging.request()?;
    let question = DirectoryRequest::UserChats { user, page };
    let page: Page<Chat> = questions::directory(&api.bus.client, &question).await?;
    Ok(Listing::json(page, |chat| chat.id.get()))
}

/// The countries somebody is a member of, through the chats in them.
#[utoipa::path(
    get,
    path = "/api/users/{userId}/countries",
    operation_id = "listUserCountries",
    tag = "users",
    params(("userId" = UserId, Path, description = "Whose")),
    responses((status = 200, description = "All of them", body = Countries), Problem, AboutUser),
)]
pub(super) async fn countries(
    State(api): State<Api>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Json<Countries>, Problem> {
    let user: UserId = id("userId", &user)?;
    caller.check_is(user)?;
    let rows =
        questions::directory(&api.bus.client, &DirectoryRequest::UserCountries(user)).await?;
    Ok(Json(Countries { rows }))
}
