//! Reads the chats and memberships that a batch speaks of.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SimpleExpr, SubQueryStatement};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use shared::id::{ChatId, UserId};
use shared::policy::ChatType;

use super::rows::Rows;
use super::{memberships, seats};
use crate::decide::{Room, Rooms, Wish};
use crate::entity::{chat, event, pruned_history, user_chat};

/// All of it, in two statements, and a third when there are private chats.
pub(super) async fn read(db: &impl ConnectionTrait, wishes: &[Wish]) -> Result<Rooms, DbErr> {
    let commands = || wishes.iter().filter_map(|wish| wish.asks.as_ref().ok());
    let mut rooms = Rooms::default();

    let chats: BTreeSet<i64> = commands().map(|command| command.chat_id.get()).collect();
    if chats.is_empty() {
        return Ok(rooms);
    }
    for found in heads(db, chats).await? {
        let room = Room {
            country: found.country,
            chat_type: found.chat_type,
            seats: BTreeSet::new(),
            head: found.event,
        };
        rooms.chats.insert(found.chat, room);
    }
    let is_private = |chat: &ChatId| {
        let room = rooms.chats.get(chat);
        room.is_some_and(|room| room.chat_type == ChatType::Private)
    };
    let private: Vec<i64> = rooms
        .chats
        .keys()
        .filter(|chat| is_private(chat))
        .map(|chat| chat.get())
        .collect();

    let pairs: BTreeSet<(UserId, ChatId)> = commands()
        .filter(|command| !command.kind.is_typing() || is_private(&command.chat_id))
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
    for (chat, user) in seats::read(db, &private).await? {
        if let Some(room) = rooms.chats.get_mut(&chat) {
            room.seats.insert(user);
        }
    }
    Ok(rooms)
}

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
    use chat::Column as C;
    let chats: Rows<1> = chats.into_iter().map(|id| [id.into()]).collect();
    let rows: Vec<HeadRow> = chat::Entity::find()
        .select_only()
        .columns([C::Id, C::CountryCode, C::ChatType])
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
        .map(|(id, country, chat_type, newest, pruned)| {
            Ok(ChatHead {
                chat: ChatId::try_from(id).map_err(|error| DbErr::Type(error.to_string()))?,
                country,
                chat_type: chat_type_of(&chat_type)?,
                event: Ord::max(newest, pruned).unwrap_or(0),
            })
        })
        .collect()
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
