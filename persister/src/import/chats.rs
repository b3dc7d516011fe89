//! The chats of the file in place of those that a new database has.
//!
//! Chats keep their ids, since clients know them. A new database has one chat for each country; where the file has
//! another chat of that country, the empty one would be a second. And a country whose id went to another one's chat
//! would have none. So: first the empty chats go whose countries have chats in the file, then the file's chats come,
//! then every country that is left without a chat gets one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, Set};

use super::check::Contents;
use super::{Count, Summary};
use crate::entity::{chat, country, event, user_chat};

/// Rows of a statement; keeps it below the number of values that one may have.
const ROWS_MAX: usize = 1_000;

/// What has to change.
#[derive(Debug, Default)]
struct Plan {
    gone: Vec<i64>,
    changed: Vec<chat::Model>,
    there: u64,
}

/// Puts them there, or only says what would be done.
pub(super) async fn replace(
    db: &impl ConnectionTrait,
    contents: &Contents,
    dry_run: bool,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let plan = plan(db, contents).await?;
    summary.chats = Count {
        written: plan.changed.len() as u64,
        there: plan.there,
    };
    summary.displaced = plan.gone.len() as u64;
    let missing = without_chat(db, contents, &plan).await?;
    summary.added = missing.len() as u64;
    if dry_run {
        return Ok(());
    }
    for ids in plan.gone.chunks(ROWS_MAX) {
        chat::Entity::delete_many()
            .filter(chat::Column::Id.is_in(ids.iter().copied()))
            .exec(db)
            .await?;
    }
    for rows in plan.changed.chunks(ROWS_MAX) {
        write(db, rows).await?;
    }
    number_after(db)
        .await
        .context("the ids of chats cannot be advanced; import as the role that migrates")?;
    for rows in missing.chunks(ROWS_MAX) {
        let rows = rows.iter().map(|country| chat::ActiveModel {
            name: Set(country.name.clone()),
            country_code: Set(country.code.clone()),
            ..Default::default()
        });
        chat::Entity::insert_many(rows)
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

async fn plan(db: &impl ConnectionTrait, contents: &Contents) -> anyhow::Result<Plan> {
    let unused = unused(db).await?;
    let stored = chat::Entity::find().all(db).await?;
    let stored: BTreeMap<i64, chat::Model> =
        stored.into_iter().map(|chat| (chat.id, chat)).collect();
    let has_chats: BTreeSet<&str> = (contents.chats.values())
        .map(|chat| chat.country.as_str())
        .collect();
    let mut plan = Plan::default();
    for chat in contents.chats.values() {
        let wanted = chat::Model {
            id: chat.id.get(),
            name: chat.name.trim().to_owned(),
            country_code: chat.country.clone(),
            chat_type: chat.chat_type.name().to_owned(),
        };
        match stored.get(&wanted.id) {
            Some(found) if *found == wanted => plan.there += 1,
            Some(found) => {
                // Its members' countries were counted with the other one, or it was for others.
                let same = |chat: &chat::Model| (chat.country_code.clone(), chat.chat_type.clone());
                anyhow::ensure!(
                    same(found) == same(&wanted) || unused.contains(&found.id),
                    "chat {} is in use in this database, a {} of {}, and not a {} of {}",
                    found.id,
                    found.chat_type,
                    found.country_code,
                    wanted.chat_type,
                    wanted.country_code
                );
                plan.changed.push(wanted);
            }
            None => plan.changed.push(wanted),
        }
    }
    plan.gone = stored
        .into_values()
        .filter(|chat| unused.contains(&chat.id))
        .filter(|chat| has_chats.contains(chat.country_code.as_str()))
        .map(|chat| chat.id)
        .filter(|id| !contents.chats.keys().any(|kept| kept.get() == *id))
        .collect();
    Ok(plan)
}

/// Chats that nobody is in and nothing happened in.
async fn unused(db: &impl ConnectionTrait) -> Result<BTreeSet<i64>, DbErr> {
    let members = Query::select()
        .column(user_chat::Column::ChatId)
        .from(user_chat::Entity)
        .take();
    let events = Query::select()
        .expr(Expr::value(1))
        .from(event::Entity)
        .and_where(
            Expr::col((event::Entity, event::Column::ChatId))
                .equals((chat::Entity, chat::Column::Id)),
        )
        .take();
    let chats = chat::Entity::find()
        .filter(chat::Column::Id.not_in_subquery(members))
        .filter(Expr::exists(events).not())
        .all(db)
        .await?;
    Ok(chats.into_iter().map(|chat| chat.id).collect())
}

/// Countries that will have no chat when the plan is carried out.
async fn without_chat(
    db: &impl ConnectionTrait,
    contents: &Contents,
    plan: &Plan,
) -> Result<Vec<country::Model>, DbErr> {
    let gone: BTreeSet<i64> = plan.gone.iter().copied().collect();
    let changed: BTreeSet<i64> = plan.changed.iter().map(|chat| chat.id).collect();
    let mut served: BTreeSet<String> = (chat::Entity::find().all(db).await?.into_iter())
        .filter(|chat| !gone.contains(&chat.id) && !changed.contains(&chat.id))
        .map(|chat| chat.country_code)
        .collect();
    served.extend(contents.chats.values().map(|chat| chat.country.clone()));
    let countries = country::Entity::find().all(db).await?;
    Ok(countries
        .into_iter()
        .filter(|country| !served.contains(&country.code))
        .collect())
}

async fn write(db: &impl ConnectionTrait, rows: &[chat::Model]) -> Result<(), DbErr> {
    let rows = rows.iter().map(|chat| chat::ActiveModel {
        id: Set(chat.id),
        name: Set(chat.name.clone()),
        country_code: Set(chat.country_code.clone()),
        chat_type: Set(chat.chat_type.clone()),
    });
    chat::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(chat::Column::Id)
                .update_columns([
                    chat::Column::Name,
                    chat::Column::CountryCode,
                    chat::Column::ChatType,
                ])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Has chats to come numbered after those that are there. An identity does not notice ids that were given to it;
/// SQLite's AUTOINCREMENT does.
async fn number_after(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared(
            "SELECT setval(name::regclass, GREATEST((SELECT max(id) FROM chats), pg_sequence_last_value(name::regclass))) \
             FROM pg_get_serial_sequence('chats', 'id') AS name",
        )
        .await?;
    }
    Ok(())
}
