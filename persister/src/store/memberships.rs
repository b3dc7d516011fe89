//! Memberships of chats, and the counts that make memberships of countries.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter};
use shared::id::{ChatId, UserId};

use super::StoreError;
use super::rows::Rows;
use super::together::Together;
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
pub(super) fn join(together: &mut Together, pairs: &[(UserId, ChatId)], backend: DbBackend) {
    if !pairs.is_empty() {
        let insert = rows(pairs).insert::<user_chat::Entity>(PAIR, backend);
        together.add(Some(insert));
    }
}

/// Ends memberships. One that is gone already went with its chat, which also took it out of the country's
/// count: a conflict, to be decided again, or it would be counted out twice.
pub(super) fn leave(together: &mut Together, pairs: &[(UserId, ChatId)], backend: DbBackend) {
    if !pairs.is_empty() {
        let delete = Query::delete()
            .from_table(user_chat::Entity)
            .and_where(rows(pairs).contain(PAIR.map(Expr::col), backend))
            .take();
        together.expect(delete, pairs.len() as u64, || {
            StoreError::conflict("a membership ended meanwhile")
        });
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
