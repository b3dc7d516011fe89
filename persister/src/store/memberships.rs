//! Memberships of chats, and the counts that make memberships of countries.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, OnConflict, Query, SimpleExpr, ValueTuple};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoSimpleExpr, QueryFilter, Set, Value,
};
use shared::id::{ChatId, UserId};

use super::StoreError;
use crate::entity::{user_chat, user_country};

/// Begins memberships. A chat that was removed meanwhile is a foreign key violation, hence a conflict.
pub(super) async fn join(
    db: &impl ConnectionTrait,
    pairs: &[(UserId, ChatId)],
) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let rows = pairs.iter().map(|(user, chat)| user_chat::ActiveModel {
        user_id: Set(user.get()),
        chat_id: Set(chat.get()),
    });
    user_chat::Entity::insert_many(rows)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Ends memberships. One that is gone already went with its chat, which also took it out of the country's
/// count: a conflict, to be decided again, or it would be counted out twice.
pub(super) async fn leave(
    db: &impl ConnectionTrait,
    pairs: &[(UserId, ChatId)],
) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let keys = pairs.iter().map(|(user, chat)| (user.get(), chat.get()));
    let deleted = user_chat::Entity::delete_many()
        .filter(pairs_in(
            (user_chat::Column::UserId, user_chat::Column::ChatId),
            keys,
        ))
        .exec(db)
        .await?
        .rows_affected;
    if deleted == pairs.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::conflict("a membership ended meanwhile"))
    }
}

/// Adds to (or takes from) the number of chats through which users belong to countries.
///
/// In order of the key, as everybody does it, so that two transactions that touch the same rows wait for each
/// other instead of deadlocking.
pub async fn add_to_countries(
    db: &impl ConnectionTrait,
    changes: &BTreeMap<(UserId, String), i32>,
) -> Result<(), DbErr> {
    use user_country::Column;
    if changes.is_empty() {
        return Ok(());
    }
    let rows = changes
        .iter()
        .map(|((user, country), change)| user_country::ActiveModel {
            user_id: Set(user.get()),
            country_code: Set(country.clone()),
            chats: Set(*change),
        });
    let sum = Expr::col((user_country::Entity, Column::Chats))
        .add(Expr::col(("excluded", Column::Chats)));
    user_country::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([Column::UserId, Column::CountryCode])
                .value(Column::Chats, sum)
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;

    let lost: Vec<_> = changes
        .iter()
        .filter(|(_, change)| **change < 0)
        .map(|((user, country), _)| (user.get(), country.clone()))
        .collect();
    if !lost.is_empty() {
        user_country::Entity::delete_many()
            .filter(Column::Chats.lte(0))
            .filter(pairs_in((Column::UserId, Column::CountryCode), lost))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// `(a, b) IN (SELECT * FROM (VALUES …))`: SQLite takes a list of pairs only as a sub-query.
pub fn pairs_in<A, B>(
    columns: (impl IntoSimpleExpr, impl IntoSimpleExpr),
    pairs: impl IntoIterator<Item = (A, B)>,
) -> SimpleExpr
where
    A: Into<Value>,
    B: Into<Value>,
{
    let values = pairs
        .into_iter()
        .map(|(a, b)| ValueTuple::Two(a.into(), b.into()));
    let list = Query::select()
        .column(Asterisk)
        .from_values(values, "wanted")
        .take();
    Expr::tuple([columns.0.into_simple_expr(), columns.1.into_simple_expr()]).in_subquery(list)
}
