//! Chats as everybody sees them. Private ones are in nobody's list but their members' own.
//!
//! Members are counted when asked for, in the index of `user_chats` by chat: a count kept up by every JOIN would
//! cost the writer a row per batch for a number that is looked at now and then. What counting costs is bounded
//! like every answer ([`super::super::ANSWER_MAX`]).

use sea_orm::sea_query::{
    Asterisk, Expr, ExprTrait, Func, Order, Query, SelectStatement, SimpleExpr, SubQueryStatement,
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryResult};
use shared::id::{ChatId, UserId};
use shared::policy::ChatType;
use shared::query::{Chat, Country, PageRequest};

use crate::entity::{chat, country, user_chat};
use crate::store::rooms;

/// Which chats.
#[derive(Debug)]
pub(super) enum Which {
    All,
    OfCountry(String),
    OfUser(UserId),
}

/// Chats in order of id.
pub(super) async fn page(
    db: &impl ConnectionTrait,
    which: Which,
    page: PageRequest,
) -> Result<Vec<Chat>, DbErr> {
    let id = || Expr::col((chat::Entity, chat::Column::Id));
    let mut query = chats();
    query
        .and_where(id().gt(page.after))
        .order_by((chat::Entity, chat::Column::Id), Order::Asc)
        .limit(page.limit);
    let group = || Expr::col((chat::Entity, chat::Column::ChatType)).eq(ChatType::Group.name());
    match which {
        Which::All => {
            query.and_where(group());
        }
        Which::OfCountry(code) => {
            query.and_where(group());
            query.and_where(Expr::col((chat::Entity, chat::Column::CountryCode)).eq(code));
        }
        Which::OfUser(user) => {
            let of_user = Query::select()
                .column(user_chat::Column::ChatId)
                .from(user_chat::Entity)
                .and_where(Expr::col(user_chat::Column::UserId).eq(user.get()))
                .take();
            query.and_where(id().in_subquery(of_user));
        }
    }
    let rows = db.query_all(&query).await?;
    rows.iter().map(read).collect()
}

/// One chat, if it exists.
pub(super) async fn one(db: &impl ConnectionTrait, id: ChatId) -> Result<Option<Chat>, DbErr> {
    let mut query = chats();
    query.and_where(Expr::col((chat::Entity, chat::Column::Id)).eq(id.get()));
    db.query_one(&query).await?.as_ref().map(read).transpose()
}

/// Whether there is such a chat.
pub(super) async fn exists(db: &impl ConnectionTrait, id: ChatId) -> Result<bool, DbErr> {
    Ok(chat::Entity::find_by_id(id.get()).count(db).await? > 0)
}

/// Everything [`read`] reads, of all chats.
fn chats() -> SelectStatement {
    use chat::Column as C;
    let mut query = Query::select();
    query
        .columns([(chat::Entity, C::Id), (chat::Entity, C::Name)])
        .columns(
            [
                country::Column::Code,
                country::Column::Name,
                country::Column::Flag,
            ]
            .map(|column| (country::Entity, column)),
        )
        .expr(members())
        .expr(rooms::newest_event())
        .expr(rooms::pruned_through())
        .column((chat::Entity, C::ChatType))
        .from(chat::Entity)
        .inner_join(
            country::Entity,
            Expr::col((chat::Entity, C::CountryCode))
                .equals((country::Entity, country::Column::Code)),
        );
    query
}

/// Number of members of the chat in the outer statement.
fn members() -> SimpleExpr {
    let count = Query::select()
        .expr(Func::count(Expr::col(Asterisk)))
        .from(user_chat::Entity)
        .and_where(
            Expr::col((user_chat::Entity, user_chat::Column::ChatId))
                .equals((chat::Entity, chat::Column::Id)),
        )
        .take();
    SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(count)))
}

fn read(row: &QueryResult) -> Result<Chat, DbErr> {
    let (newest, pruned): (Option<i64>, Option<i64>) =
        (row.try_get_by_index(6)?, row.try_get_by_index(7)?);
    Ok(Chat {
        id: id(row.try_get_by_index(0)?)?,
        name: row.try_get_by_index(1)?,
        chat_type: rooms::chat_type_of(&row.try_get_by_index::<String>(8)?)?,
        country: Country {
            code: row.try_get_by_index(2)?,
            name: row.try_get_by_index(3)?,
            flag: row.try_get_by_index(4)?,
        },
        members: row.try_get_by_index::<i64>(5)?.unsigned_abs(),
        last_event_id: Ord::max(newest, pruned).map(id).transpose()?,
    })
}

fn id<T: TryFrom<i64, Error = shared::id::NotAnId>>(number: i64) -> Result<T, DbErr> {
    T::try_from(number).map_err(|error| DbErr::Type(error.to_string()))
}
