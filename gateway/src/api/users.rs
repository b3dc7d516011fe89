//! `/api/users/{userId}/…`: where somebody is a member. Users are known by their memberships alone, so somebody
//! without any has empty lists.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Serialize;
use shared::id::UserId;
use shared::query::{Chat, DirectoryRequest, Page, UserCountry};

use super::Api;
use super::page::{Listing, Paging, id};
use super::problem::Problem;
use crate::questions;

/// All countries of a user: never more than there are.
#[derive(Debug, Serialize)]
pub(super) struct Countries {
    rows: Vec<UserCountry>,
}

pub(super) async fn chats(
    State(api): State<Api>,
    Path(user): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Listing<Chat>>, Problem> {
    let user: UserId = id("userId", &user)?;
    let page = paging.request()?;
    let question = DirectoryRequest::UserChats { user, page };
    let page: Page<Chat> = questions::directory(&api.bus.client, &question).await?;
    Ok(Listing::json(page, |chat| chat.id.get()))
}

pub(super) async fn countries(
    State(api): State<Api>,
    Path(user): Path<String>,
) -> Result<Json<Countries>, Problem> {
    let user: UserId = id("userId", &user)?;
    let rows =
        questions::directory(&api.bus.client, &DirectoryRequest::UserCountries(user)).await?;
    Ok(Json(Countries { rows }))
}
