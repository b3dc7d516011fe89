//! Chat rooms by hand: `persister chats list|add|remove`.
//!
//! Safe while persisters are running: nothing is cached there, and a batch that meets a removal is decided again.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Set, TransactionTrait,
};
use serde::Serialize;
use shared::id::{ChatId, UserId};

use crate::database::IMMEDIATE;
use crate::entity::{chat, country, user_chat};
use crate::store::add_to_countries;

/// Longest name of a chat, in characters.
pub const NAME_CHARS_MAX: usize = 100;

/// Users counted out of a country in one statement; keeps it below the number of values a statement may have.
const USERS_PER_STATEMENT_MAX: usize = 5_000;

/// A chat room as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatLine {
    /// Its id.
    pub id: i64,
    /// Code of its country.
    pub country: String,
    /// How many members it has.
    pub members: i64,
    /// Its name.
    pub name: String,
}

/// All chat rooms, by id.
pub async fn list(db: &DatabaseConnection) -> Result<Vec<ChatLine>, DbErr> {
    let members: Vec<(i64, i64)> = user_chat::Entity::find()
        .select_only()
        .column(user_chat::Column::ChatId)
        .column_as(user_chat::Column::UserId.count(), "members")
        .group_by(user_chat::Column::ChatId)
        .into_tuple()
        .all(db)
        .await?;
    let members: HashMap<_, _> = members.into_iter().collect();
    let chats = chat::Entity::find()
        .order_by_asc(chat::Column::Id)
        .all(db)
        .await?;
    Ok(chats
        .into_iter()
        .map(|chat| ChatLine {
            id: chat.id,
            country: chat.country_code,
            members: members.get(&chat.id).copied().unwrap_or(0),
            name: chat.name,
        })
        .collect())
}

/// Opens a chat room and returns its id.
pub async fn add(db: &DatabaseConnection, country: &str, name: &str) -> anyhow::Result<i64> {
    let name = name.trim();
    anyhow::ensure!(
        (1..=NAME_CHARS_MAX).contains(&name.chars().count()),
        "a chat's name has 1 to {NAME_CHARS_MAX} characters"
    );
    let code = country.to_uppercase();
    let known = country::Entity::find_by_id(code.as_str()).count(db).await?;
    anyhow::ensure!(known == 1, "there is no country {code:?}");
    let chat = chat::ActiveModel {
        name: Set(name.to_owned()),
        country_code: Set(code),
        ..Default::default()
    };
    let chat = chat.insert(db).await.context("cannot add the chat")?;
    Ok(chat.id)
}

/// Closes a chat room: its memberships end, and with them those of its country that hang on it. Returns
/// whether there was one. All or nothing.
pub async fn remove(db: &DatabaseConnection, id: ChatId) -> Result<bool, DbErr> {
    let transaction = db.begin_with_options(IMMEDIATE).await?;
    // Who joins now waits for this lock, and then finds the chat gone (a foreign key violation).
    let chat = chat::Entity::find_by_id(id.get())
        .lock_exclusive()
        .one(&transaction)
        .await?;
    let Some(chat) = chat else {
        transaction.rollback().await?;
        return Ok(false);
    };
    // Not left to the foreign key: only those whose membership really ends here may be counted out.
    let ended = user_chat::Entity::delete_many()
        .filter(user_chat::Column::ChatId.eq(id.get()))
        .exec_with_returning(&transaction)
        .await?;
    let mut users: Vec<UserId> = ended
        .into_iter()
        .filter_map(|row| UserId::try_from(row.user_id).ok())
        .collect();
    users.sort_unstable();
    for users in users.chunks(USERS_PER_STATEMENT_MAX) {
        let changes: BTreeMap<_, _> = users
            .iter()
            .map(|user| ((*user, chat.country_code.clone()), -1))
            .collect();
        add_to_countries(&transaction, &changes).await?;
    }
    chat::Entity::delete_by_id(id.get())
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(true)
}
