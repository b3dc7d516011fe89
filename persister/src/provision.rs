//! Chat rooms by hand: `persister chats list|add|remove`.
//!
//! Safe while persisters are running: nothing is cached there, and a batch that meets a removal is decided again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Context;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set, TransactionTrait,
};
use serde::Serialize;
use shared::id::{ChatId, UserId};
use shared::policy::{ChatType, SEATS_MAX};

use crate::database::IMMEDIATE;
use crate::entity::{chat, country, user_chat};
use crate::store::{add_to_countries, seats};

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
    /// Whom it is for.
    pub chat_type: String,
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
            chat_type: chat.chat_type,
            members: members.get(&chat.id).copied().unwrap_or(0),
            name: chat.name,
        })
        .collect())
}

/// Opens a chat room for everybody and returns its id.
pub async fn add(db: &DatabaseConnection, country: &str, name: &str) -> anyhow::Result<i64> {
    insert(db, country, name, ChatType::Group).await
}

/// Opens a private chat and returns its id. `members` have their seats and are members at once, without JOIN events;
/// with fewer than two, whoever joins first takes the seat that is free.
pub async fn add_private(
    db: &DatabaseConnection,
    country: &str,
    name: &str,
    members: &BTreeSet<UserId>,
) -> anyhow::Result<i64> {
    anyhow::ensure!(
        members.len() <= SEATS_MAX,
        "a private chat has at most {SEATS_MAX} members"
    );
    let transaction = db.begin_with_options(IMMEDIATE).await?;
    let id = insert(&transaction, country, name, ChatType::Private).await?;
    let chat = ChatId::try_from(id).context("the database gave the chat no id")?;
    let pairs: Vec<_> = members.iter().map(|user| (*user, chat)).collect();
    seats::take(&transaction, &pairs).await?;
    let country = country.to_uppercase();
    begin_memberships(&transaction, &pairs, &country).await?;
    transaction.commit().await?;
    Ok(id)
}

async fn begin_memberships(
    db: &impl ConnectionTrait,
    pairs: &[(UserId, ChatId)],
    country: &str,
) -> anyhow::Result<()> {
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
    let users = pairs.iter().map(|(user, _)| (*user, country.to_owned()));
    add_to_countries(db, &users.map(|key| (key, 1)).collect()).await?;
    Ok(())
}

async fn insert(
    db: &impl ConnectionTrait,
    country: &str,
    name: &str,
    chat_type: ChatType,
) -> anyhow::Result<i64> {
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
        chat_type: Set(chat_type.name().to_owned()),
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
