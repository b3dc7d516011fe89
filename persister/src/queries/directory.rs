//! `svc.directory`: who and what there is — chats, members, a user's chats and countries.
//!
//! Lists are read by key, one page at a time, so that a page costs the same however far into the list it is.
//! Every answer is what the database says in one statement or two, without any promise across pages: who joins
//! between two pages with a smaller id is on neither.

mod chats;
mod members;

use sea_orm::DatabaseConnection;
use serde::Serialize;
use shared::error_code::ErrorCode;
use shared::id::UserId;
use shared::query::{Chat, DirectoryRequest, Page, PageRequest, ROWS_MAX, UserCountry};

use super::Unanswered;

/// The answer to any of the questions, in the form that belongs to it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Chats(Page<Chat>),
    Chat(Chat),
    Members(Page<UserId>),
    Countries(Vec<UserCountry>),
}

pub(super) async fn answer(
    db: DatabaseConnection,
    question: DirectoryRequest,
) -> Result<Answer, Unanswered> {
    use chats::Which;
    Ok(match question {
        DirectoryRequest::Chats { country, page } => {
            let which = country.map_or(Which::All, Which::OfCountry);
            Answer::Chats(cut(
                chats::page(&db, which, with_one_more(page)).await?,
                page,
            ))
        }
        DirectoryRequest::UserChats { user, page } => {
            let rows = chats::page(&db, Which::OfUser(user), with_one_more(page)).await?;
            Answer::Chats(cut(rows, page))
        }
        DirectoryRequest::Chat(chat) => {
            let found = chats::one(&db, chat).await?;
            Answer::Chat(found.ok_or(Unanswered::Refused(ErrorCode::ChatNotFound))?)
        }
        DirectoryRequest::Members { chat, page } => {
            let rows = members::of_chat(&db, chat, with_one_more(page)).await?;
            if rows.is_empty() && !chats::exists(&db, chat).await? {
                return Err(Unanswered::Refused(ErrorCode::ChatNotFound));
            }
            Answer::Members(cut(rows, page))
        }
        DirectoryRequest::UserCountries(user) => {
            Answer::Countries(members::countries_of(&db, user).await?)
        }
    })
}

/// Rows in a page: as many as asked for, within the bounds.
fn limit(page: PageRequest) -> u64 {
    page.limit.clamp(1, ROWS_MAX)
}

/// One row more than goes into the page tells whether there are more.
fn with_one_more(page: PageRequest) -> PageRequest {
    PageRequest {
        limit: limit(page) + 1,
        ..page
    }
}

fn cut<T>(mut rows: Vec<T>, page: PageRequest) -> Page<T> {
    let limit = usize::try_from(limit(page)).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    Page { rows, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_to_what_was_asked_for_within_the_bounds() {
        for (asked, there, rows, more) in [
            (0, 2, 1, true),
            (2, 2, 2, false),
            (2, 3, 2, true),
            (5_000, 1_001, 1_000, true),
        ] {
            let page = PageRequest {
                after: 0,
                limit: asked,
            };
            let read = with_one_more(page).limit.min(there);
            let page = cut((0..read).collect(), page);
            assert_eq!((page.rows.len(), page.more), (rows, more), "{asked}");
        }
    }
}
