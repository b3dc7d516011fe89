//! Memberships of chats, and the counts that make memberships of countries.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::{
    DeleteStatement, Expr, ExprTrait, InsertStatement, OnConflict, Query, SimpleExpr,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter};
use shared::id::{ChatId, UserId};

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

/// Changes of the number of chats through which users belong to countries.
pub type CountryChanges = BTreeMap<(UserId, String), i32>;

/// Adds to (or takes from) the number of chats through which users belong to countries.
pub async fn add_to_countries(
    db: &impl ConnectionTrait,
    changes: &CountryChanges,
) -> Result<(), DbErr> {
    use user_country::Column;
    let backend = db.get_database_backend();
    let Some(insert) = counting(backend, changes) else {
        return Ok(());
    };
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

/// The changed numbers; those that come to nothing are still there after it.
///
/// In order of the key, as everybody does it, so that two transactions that touch the same rows wait for each
/// other instead of deadlocking.
pub(super) fn counting(backend: DbBackend, changes: &CountryChanges) -> Option<InsertStatement> {
    use user_country::Column;
    if changes.is_empty() {
        return None;
    }
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
    Some(insert)
}
