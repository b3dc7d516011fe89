//! What the database says, read past the persisters and past every proxy.

use std::collections::BTreeMap;

use anyhow::Context;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement};
use shared::event::EventType;
use uuid::Uuid;

use crate::evidence::{Evidence, Stored};
use crate::subscriber::Heads;

/// A connection of the judge's own.
pub struct Records(DatabaseConnection);

impl Records {
    /// Connects.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        Ok(Self(Database::connect(url).await?))
    }

    /// Adds what the database says to the evidence.
    pub async fn add_to(&self, evidence: &mut Evidence) -> anyhow::Result<()> {
        evidence.stored = self.events().await?;
        for row in self.rows("SELECT user_id, chat_id FROM user_chats").await? {
            let place = (row.try_get("", "user_id")?, row.try_get("", "chat_id")?);
            evidence.members.insert(place);
        }
        for row in self
            .rows("SELECT user_id, country_code, chats FROM user_countries")
            .await?
        {
            let place = (
                row.try_get("", "user_id")?,
                row.try_get("", "country_code")?,
            );
            let count: i32 = row.try_get("", "chats")?;
            evidence.countries.insert(place, count.into());
        }
        for row in self.rows("SELECT id, country_code FROM chats").await? {
            let country = row.try_get("", "country_code")?;
            evidence.country_of.insert(row.try_get("", "id")?, country);
        }
        Ok(())
    }

    /// Each chat's newest event.
    pub async fn heads(&self) -> anyhow::Result<Heads> {
        let rows = self
            .rows("SELECT chat_id, max(id) AS head FROM events GROUP BY chat_id")
            .await?;
        let heads = rows
            .iter()
            .map(|row| Ok((row.try_get("", "chat_id")?, row.try_get("", "head")?)));
        heads.collect()
    }

    /// How many authors type in how many chats, by the last event about that.
    pub async fn typing(&self) -> anyhow::Result<usize> {
        let mut last = BTreeMap::new();
        for event in self.events().await? {
            if event.kind.is_typing() {
                last.insert((event.author, event.chat), event.kind);
            }
        }
        let typing = last
            .values()
            .filter(|kind| **kind == EventType::StartTyping);
        Ok(typing.count())
    }

    /// All events, by chat and id.
    pub async fn events(&self) -> anyhow::Result<Vec<Stored>> {
        let rows = self
            .rows(
                "SELECT id, previous_id, command_id, author_id, chat_id, event_type FROM events \
                 ORDER BY chat_id, id",
            )
            .await?;
        rows.iter().map(stored).collect()
    }

    async fn rows(&self, sql: &str) -> anyhow::Result<Vec<QueryResult>> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        Ok(self.0.query_all_raw(statement).await?)
    }
}

fn stored(row: &QueryResult) -> anyhow::Result<Stored> {
    let code: i16 = row.try_get("", "event_type")?;
    Ok(Stored {
        id: row.try_get("", "id")?,
        previous_id: row.try_get("", "previous_id")?,
        command: row.try_get::<Uuid>("", "command_id")?.into(),
        author: row.try_get("", "author_id")?,
        chat: row.try_get("", "chat_id")?,
        kind: EventType::from_code(code).with_context(|| format!("event type {code}"))?,
    })
}
