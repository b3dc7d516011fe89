//! Reads chats: what they are, their newest events, the members of private ones.

use std::collections::HashMap;

use sea_orm::sea_query::{
    Expr, ExprTrait, Order, Query, SelectStatement, SimpleExpr, SubQueryStatement,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter};
use shared::id::{ChatId, UserId};
use shared::policy::ChatType;

use super::rows::Rows;
use crate::entity::{chat, event, pruned_history, user_chat};

/// A chat that exists.
#[derive(Debug, Clone)]
pub struct ChatHead {
    /// This one.
    pub chat: ChatId,
    /// Code of its country.
    pub country: String,
    /// Whom it is for.
    pub chat_type: ChatType,
    /// Id of its newest event, 0 for none. An event that was the newest stays the head when it is pruned: what comes
    /// next follows it, whoever saw it.
    pub event: i64,
}

/// Id, country, type, newest event, and up to which event the history is pruned.
type HeadRow = (i64, String, String, Option<i64>, Option<i64>);

/// Those of the chats that exist.
pub async fn heads(
    db: &impl ConnectionTrait,
    chats: impl IntoIterator<Item = i64>,
) -> Result<Vec<ChatHead>, DbErr> {
    let rows = db
        .query_all(&select_heads(chats, db.get_database_backend()))
        .await?;
    rows.iter()
        .map(|row| {
            let (id, country, chat_type, newest, pruned): HeadRow = row.try_get_many_by_index()?;
            Ok(ChatHead {
                chat: ChatId::try_from(id).map_err(|error| DbErr::Type(error.to_string()))?,
                country,
                chat_type: chat_type_of(&chat_type)?,
                event: head(newest, pruned),
            })
        })
        .collect()
}

/// Selects a [`HeadRow`] for each of the chats that exists.
pub(super) fn select_heads(
    chats: impl IntoIterator<Item = i64>,
    backend: DbBackend,
) -> SelectStatement {
    let chats: Rows<1> = chats.into_iter().map(|id| [id.into()]).collect();
    let id = (chat::Entity, chat::Column::Id);
    Query::select()
        .column(id)
        .column((chat::Entity, chat::Column::CountryCode))
        .column((chat::Entity, chat::Column::ChatType))
        .expr(newest_event())
        .expr(pruned_through())
        .from(chat::Entity)
        .and_where(chats.contain([Expr::col(id)], backend))
        .take()
}

/// What comes next in a chat follows this event: the newest kept, or pruned.
pub(super) fn head(newest: Option<i64>, pruned: Option<i64>) -> i64 {
    Ord::max(newest, pruned).unwrap_or(0)
}

/// The members of these chats, which must be PRIVATE: of others there may be millions.
pub async fn members(
    db: &impl ConnectionTrait,
    private: impl IntoIterator<Item = i64>,
) -> Result<HashMap<ChatId, Vec<UserId>>, DbErr> {
    let chats: Rows<1> = private.into_iter().map(|id| [id.into()]).collect();
    let rows = user_chat::Entity::find()
        .filter(chats.contain(
            [Expr::col(user_chat::Column::ChatId)],
            db.get_database_backend(),
        ))
        .all(db)
        .await?;
    let mut members: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        if let (Ok(chat), Ok(user)) = (ChatId::try_from(row.chat_id), UserId::try_from(row.user_id))
        {
            members.entry(chat).or_default().push(user);
        }
    }
    Ok(members)
}

/// What the database calls a chat's type; it takes no other names.
pub(crate) fn chat_type_of(name: &str) -> Result<ChatType, DbErr> {
    name.parse()
        .map_err(|error| DbErr::Type(format!("{error}, not {name:?}")))
}

/// Id of the newest event kept of the chat in the outer statement; null when there is none.
///
/// One step in the index per chat; `max(id) … group by` would read every event of each chat (design 4.3.8).
pub(crate) fn newest_event() -> SimpleExpr {
    let newest = Query::select()
        .column((event::Entity, event::Column::Id))
        .from(event::Entity)
        .and_where(
            Expr::col((event::Entity, event::Column::ChatId))
                .equals((chat::Entity, chat::Column::Id)),
        )
        .order_by((event::Entity, event::Column::Id), Order::Desc)
        .limit(1)
        .take();
    SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(newest)))
}

/// Up to which event the history of the chat in the outer statement is pruned; null when it is whole.
pub(crate) fn pruned_through() -> SimpleExpr {
    let pruned = Query::select()
        .column((pruned_history::Entity, pruned_history::Column::Through))
        .from(pruned_history::Entity)
        .and_where(
            Expr::col((pruned_history::Entity, pruned_history::Column::ChatId))
                .equals((chat::Entity, chat::Column::Id)),
        )
        .take();
    SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(pruned)))
}
