//! What a batch has to know: the chats it speaks of, memberships, who is typing. In one statement, since each is a
//! round trip; in a second and third when there are private chats.
//!
//! Read before the fence, and on PostgreSQL before the transaction. Two others might change these rows meanwhile. Another
//! owner of the partition moves the partition's row: then the fence misses, before anything is written, and nothing that
//! was read here counts. And `chats remove`, whom foreign keys and the count of memberships that ended find, as they would
//! behind the fence.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, Query, SelectStatement, SimpleExpr, UnionType};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use shared::command::Command;
use shared::event::EventType;
use shared::id::{ChatId, UserId};
use shared::policy::ChatType;

use super::typing::id;
use super::{memberships, rooms, seats, typing};
use crate::decide::{Before, Place, Room, Typing, Wish};
use crate::entity::{typing as typist, user_chat};

/// Columns of the statement: a chat; of a head its country, its type, its newest event and up to where its history is
/// pruned; of the others a user; of a typist since when and until when; and which of the three it is.
const CHAT: usize = 0;
const COUNTRY: usize = 1;
const TYPE: usize = 2;
const NEWEST_OR_USER: usize = 3;
const PRUNED_OR_SINCE: usize = 4;
const ENDS_AT: usize = 5;
const KIND: usize = 6;

/// What the last column says.
const HEAD: i32 = 1;
const MEMBER: i32 = 2;
const TYPIST: i32 = 3;

/// All of it.
pub(super) async fn read(db: &impl ConnectionTrait, wishes: &[Wish]) -> Result<Before, DbErr> {
    let mut before = Before::default();
    let commands = || wishes.iter().filter_map(|wish| wish.asks.as_ref().ok());
    let chats: BTreeSet<i64> = commands().map(|command| command.chat_id.get()).collect();
    if chats.is_empty() {
        return Ok(before);
    }
    for row in db.query_all(&statement(db, chats, commands())).await? {
        take(&row, &mut before)?;
    }
    let is_private = |chat: &ChatId| {
        let room = before.rooms.chats.get(chat);
        room.is_some_and(|room| room.chat_type == ChatType::Private)
    };
    // In these, typing wants a membership too.
    let typing = commands().filter(|command| command.kind.is_typing());
    let pairs: BTreeSet<(UserId, ChatId)> = typing
        .filter(|command| is_private(&command.chat_id))
        .map(pair)
        .collect();
    let chats = before.rooms.chats.keys();
    let private: Vec<i64> = chats
        .filter(|chat| is_private(chat))
        .map(|chat| chat.get())
        .collect();
    before
        .rooms
        .members
        .extend(memberships::read(db, &pairs).await?);
    for (chat, user) in seats::read(db, &private).await? {
        if let Some(room) = before.rooms.chats.get_mut(&chat) {
            room.seats.insert(user);
        }
    }
    Ok(before)
}

fn pair(command: &Command) -> (UserId, ChatId) {
    (command.author_id, command.chat_id)
}

fn statement<'a>(
    db: &impl ConnectionTrait,
    chats: BTreeSet<i64>,
    commands: impl Iterator<Item = &'a Command> + Clone,
) -> SelectStatement {
    let mut statement = rooms::select_heads(chats, db.get_database_backend());
    statement.expr(none("BIGINT")).expr(Expr::val(HEAD));

    let members: BTreeSet<_> = commands
        .clone()
        .filter(|command| !command.kind.is_typing())
        .map(pair)
        .collect();
    if !members.is_empty() {
        let select = Query::select()
            .column((user_chat::Entity, user_chat::Column::ChatId))
            .expr(none("TEXT"))
            .expr(none("TEXT"))
            .column((user_chat::Entity, user_chat::Column::UserId))
            .expr(none("BIGINT"))
            .expr(none("BIGINT"))
            .expr(Expr::val(MEMBER))
            .from(user_chat::Entity)
            .and_where(memberships::one_of(db, &members))
            .take();
        statement.union(UnionType::All, select);
    }
    let places: BTreeSet<Place> = commands
        .filter(|asks| asks.if_typing_since.is_some() || asks.kind == EventType::Leave)
        .map(|command| (command.chat_id, command.author_id))
        .collect();
    if !places.is_empty() {
        let select = Query::select()
            .column((typist::Entity, typist::Column::ChatId))
            .expr(none("TEXT"))
            .expr(none("TEXT"))
            .column((typist::Entity, typist::Column::UserId))
            .column((typist::Entity, typist::Column::Since))
            .column((typist::Entity, typist::Column::EndsAt))
            .expr(Expr::val(TYPIST))
            .from(typist::Entity)
            .and_where(typing::one_of(db, &places))
            .take();
        statement.union(UnionType::All, select);
    }
    statement
}

/// Null, as a value of this type: the rows of all parts have the same columns.
fn none(of_type: &'static str) -> SimpleExpr {
    Expr::cust(format!("CAST(NULL AS {of_type})"))
}

fn take(row: &QueryResult, before: &mut Before) -> Result<(), DbErr> {
    let chat: ChatId = id(row.try_get_by_index(CHAT)?)?;
    match row.try_get_by_index::<i32>(KIND)? {
        HEAD => {
            let newest: Option<i64> = row.try_get_by_index(NEWEST_OR_USER)?;
            let pruned: Option<i64> = row.try_get_by_index(PRUNED_OR_SINCE)?;
            let room = Room {
                country: row.try_get_by_index(COUNTRY)?,
                chat_type: rooms::chat_type_of(&row.try_get_by_index::<String>(TYPE)?)?,
                seats: BTreeSet::new(),
                head: rooms::head(newest, pruned),
            };
            before.rooms.chats.insert(chat, room);
        }
        MEMBER => {
            let user = id(row.try_get_by_index(NEWEST_OR_USER)?)?;
            before.rooms.members.insert((user, chat));
        }
        _ => {
            let user = id(row.try_get_by_index(NEWEST_OR_USER)?)?;
            let typing = Typing {
                since: id(row.try_get_by_index(PRUNED_OR_SINCE)?)?,
                ends_at_ms: row.try_get_by_index(ENDS_AT)?,
            };
            before.typists.known.insert((chat, user), typing);
        }
    }
    Ok(())
}
