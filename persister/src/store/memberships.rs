//! Memberships of chats, and the counts that make memberships of countries.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use shared::id::{ChatId, UserId};

use super::StoreError;
use super::rows::Rows;
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

/// Begins memberships. A chat that was removed meanwhile is a foreign key violation, hence a conflict.
pub(super) async fn join(
    db: &impl ConnectionTrait,
    pairs: &[(UserId, ChatId)],
) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let insert = rows(pairs).insert::<user_chat::Entity>(PAIR, db.get_database_backend());
    db.execute(&insert).await?;
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
    let deleted = user_chat::Entity::delete_many()
        .filter(one_of(db, pairs))
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
    let backend = db.get_database_backend();
    let rows: Rows<3> = changes
        .iter()
        .map(|((user, country), change)| {
            [user.get().into(), country.as_str().into(), (*change).into()]
        })
        .collect();
    let sum = Expr::col((user_country::Entity, Column::Chats))
        .add(Expr::col(("excluded", Column::Chats)));
    let mut insert = rows.insert::<user_country::Entity>(
        [Column::UserId, Column::CountryCode, Column::Chats],
        backend,
    );
    insert.on_conflict(
        OnConflict::columns([Column::UserId, Column::CountryCode])
            .value(Column::Chats, sum)
            .to_owned(),
    );
    db.execute(&insert).await?;

    let lost: Rows<2> = changes
        .iter()
        .filter(|(_, change)| **change < 0)
        .map(|((user, country), _)| [user.get().into(), country.as_str().into()])
        .collect();
    if !lost.is_empty() {
        let these = [Column::UserId, Column::CountryCode].map(Expr::col);
        user_country::Entity::delete_many()
            .filter(Column::Chats.lte(0))
            .filter(lost.contain(these, backend))
            .exec(db)
            .await?;
    }
    Ok(())
}
