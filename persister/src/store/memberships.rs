//! Memberships of chats, and the counts that make memberships of countries.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::{
    DeleteStatement, Expr, ExprTrait, InsertStatement, LockType, OnConflict, Order, Query,
    SelectStatement, SimpleExpr,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter};
use shared::id::{ChatId, UserId};

use super::rows::Rows;
use super::together::Change;
use crate::entity::{user_chat, user_country};

/// What a membership is made of.
const PAIR: [user_chat::Column; 2] = [user_chat::Column::UserId, user_chat::Column::ChatId];

fn rows<'a>(pairs: impl IntoIterator<Item = &'a (UserId, ChatId)>) -> Rows<2> {
    pairs
        .into_iter()
        .map(|(user, chat)| [user.get().into(), chat.get().into()])
        .collect()
}

/// Whether a membership is one of these.
pub fn one_of<'a>(
    db: &impl ConnectionTrait,
    pairs: impl IntoIterator<Item = &'a (UserId, ChatId)>,
) -> SimpleExpr {
    rows(pairs).contain(PAIR.map(Expr::col), db.get_database_backend())
}

/// Which of these memberships there are.
pub(super) async fn read(
    db: &impl ConnectionTrait,
    pairs: &BTreeSet<(UserId, ChatId)>,
) -> Result<Vec<(UserId, ChatId)>, DbErr> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let rows = user_chat::Entity::find()
        .filter(one_of(db, pairs))
        .all(db)
        .await?;
    let members = rows.into_iter().filter_map(|row| {
        Some((
            UserId::try_from(row.user_id).ok()?,
            ChatId::try_from(row.chat_id).ok()?,
        ))
    });
    Ok(members.collect())
}

/// Begins memberships. A chat that was removed meanwhile is a foreign key violation, hence a conflict.
pub(super) fn beginning(backend: DbBackend, pairs: &[(UserId, ChatId)]) -> Option<InsertStatement> {
    (!pairs.is_empty()).then(|| rows(pairs).insert::<user_chat::Entity>(PAIR, backend))
}

/// Ends memberships: all of these, or it is a conflict, to be decided again. One that is gone already went with its
/// chat, which also took it out of the country's count; it would be counted out twice.
pub(super) fn ending(backend: DbBackend, pairs: &[(UserId, ChatId)]) -> Option<DeleteStatement> {
    if pairs.is_empty() {
        return None;
    }
    let delete = Query::delete()
        .from_table(user_chat::Entity)
        .and_where(rows(pairs).contain(PAIR.map(Expr::col), backend))
        .take();
    Some(delete)
}

/// Who belongs to which country.
type Belonging = (UserId, String);

/// Changes of the number of chats through which users belong to countries.
pub type CountryChanges = BTreeMap<Belonging, i32>;

/// What a number is found by.
const BELONGING: [user_country::Column; 2] = [
    user_country::Column::UserId,
    user_country::Column::CountryCode,
];

fn belonging<'a>(backend: DbBackend, keys: impl IntoIterator<Item = &'a Belonging>) -> SimpleExpr {
    let rows: Rows<2> = keys
        .into_iter()
        .map(|(user, country)| [user.get().into(), country.as_str().into()])
        .collect();
    rows.contain(BELONGING.map(Expr::col), backend)
}

/// Adds to (or takes from) the number of chats through which users belong to countries.
pub async fn add_to_countries(
    db: &impl ConnectionTrait,
    changes: &CountryChanges,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let Some(insert) = counting(backend, changes) else {
        return Ok(());
    };
    db.execute(&insert).await?;
    let falls = changes.iter().filter(|(_, change)| **change < 0);
    let lost: Vec<&Belonging> = falls.map(|(key, _)| key).collect();
    if !lost.is_empty() {
        user_country::Entity::delete_many()
            .filter(user_country::Column::Chats.lte(0))
            .filter(belonging(backend, lost))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// The changed numbers; those that come to nothing are still there after it.
///
/// In order of the key, as everybody does it, so that two transactions that touch the same rows wait for each
/// other instead of deadlocking.
pub(super) fn counting<'a>(
    backend: DbBackend,
    changes: impl IntoIterator<Item = (&'a Belonging, &'a i32)>,
) -> Option<InsertStatement> {
    use user_country::Column;
    let rows: Rows<3> = changes
        .into_iter()
        .map(|((user, country), change)| {
            [user.get().into(), country.as_str().into(), (*change).into()]
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let sum = Expr::col((user_country::Entity, Column::Chats))
        .add(Expr::col(("excluded", Column::Chats)));
    let mut insert = rows.insert::<user_country::Entity>(
        [Column::UserId, Column::CountryCode, Column::Chats],
        backend,
    );
    insert.on_conflict(
        OnConflict::columns(BELONGING)
            .value(Column::Chats, sum)
            .to_owned(),
    );
    Some(insert)
}

/// The numbers to be changed that there are, locked in that order before they are changed in any.
pub(super) fn counted(backend: DbBackend, changes: &CountryChanges) -> Option<SelectStatement> {
    if changes.is_empty() {
        return None;
    }
    let mut select = Query::select();
    select
        .expr(Expr::cust("1"))
        .from(user_country::Entity)
        .and_where(belonging(backend, changes.keys()))
        .lock(LockType::Update);
    for column in BELONGING {
        select.order_by(column, Order::Asc);
    }
    Some(select)
}

/// The same taken from some numbers.
pub(super) struct Discount {
    /// How many.
    pub(super) numbers: usize,
    /// A row that comes to nothing goes, any other stays. One that somebody else changed meanwhile may do neither.
    pub(super) changes: [Change; 2],
}

/// Takes from the numbers in one step, whatever they are.
pub(super) fn discounting(backend: DbBackend, changes: &CountryChanges) -> Vec<Discount> {
    use user_country::Column;
    let mut falls: BTreeMap<i32, Vec<&Belonging>> = BTreeMap::new();
    for (key, change) in changes.iter().filter(|(_, change)| **change < 0) {
        falls.entry(-change).or_default().push(key);
    }
    let discounts = falls.into_iter().map(|(fall, keys)| {
        let delete = Query::delete()
            .from_table(user_country::Entity)
            .and_where(Expr::col(Column::Chats).lte(fall))
            .and_where(belonging(backend, keys.iter().copied()))
            .take();
        let update = Query::update()
            .table(user_country::Entity)
            .value(Column::Chats, Expr::col(Column::Chats).sub(fall))
            .and_where(Expr::col(Column::Chats).gt(fall))
            .and_where(belonging(backend, keys.iter().copied()))
            .take();
        Discount {
            numbers: keys.len(),
            changes: [delete.into(), update.into()],
        }
    });
    discounts.collect()
}
