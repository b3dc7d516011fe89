//! Reads the chats and memberships that a batch speaks of.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SimpleExpr, SubQueryStatement};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use shared::id::{ChatId, UserId};

use super::memberships;
use super::rows::Rows;
use crate::decide::{Room, Rooms, Wish};
use crate::entity::{chat, event, pruned_history, user_chat};

/// All of it, in two statements.
pub(super) async fn read(db: &impl ConnectionTrait, wishes: &[Wish]) -> Result<Rooms, DbErr> {
    let commands = || wishes.iter().filter_map(|wish| wish.asks.as_ref().ok());
    let mut rooms = Rooms::default();

    let chats: BTreeSet<i64> = commands().map(|command| command.chat_id.get()).collect();
    if chats.is_empty() {
        return Ok(rooms);
    }
    for (id, country, head) in heads(db, chats).await? {
        rooms.chats.insert(id, Room { country, head });
    }

    let pairs: BTreeSet<(UserId, ChatId)> = commands()
        .filter(|command| !command.kind.is_typing())
        .map(|command| (command.author_id, command.chat_id))
        .collect();
    if !pairs.is_empty() {
        let members = user_chat::Entity::find()
            .filter(memberships::one_of(db, pairs.iter()))
            .all(db)
            .await?;
        for row in members {
            let (Ok(user), Ok(chat)) =
                (UserId::try_from(row.user_id), ChatId::try_from(row.chat_id))
            else {
                continue;
            };
            rooms.members.insert((user, chat));
        }
    }
    Ok(rooms)
}

/// Those of the chats that exist, with country and id of the newest event (0 for none). An event that was the
/// newest stays the head when it is pruned: what comes next follows it, whoever saw it.
pub async fn heads(
    db: &impl ConnectionTrait,
    chats: impl IntoIterator<Item = i64>,
) -> Result<Vec<(ChatId, String, i64)>, DbErr> {
    let chats: Rows<1> = chats.into_iter().map(|id| [id.into()]).collect();
    let rows: Vec<(i64, String, Option<i64>, Option<i64>)> = chat::Entity::find()
        .select_only()
        .columns([chat::Column::Id, chat::Column::CountryCode])
        .expr(newest_event())
        .expr(pruned_through())
        .filter(chats.contain(
            [Expr::col((chat::Entity, chat::Column::Id))],
            db.get_database_backend(),
        ))
        .into_tuple()
        .all(db)
        .await?;
    rows.into_iter()
        .map(|(id, country, newest, pruned)| {
            let id = ChatId::try_from(id).map_err(|error| DbErr::Type(error.to_string()))?;
            Ok((id, country, Ord::max(newest, pruned).unwrap_or(0)))
        })
        .collect()
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
