//! What the database says, read past the persister.

use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use shared::command::CommandId;
use uuid::Uuid;

/// A stored event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) id: i64,
    pub(crate) previous_id: i64,
    pub(crate) command: CommandId,
    pub(crate) chat: i64,
}

/// A connection of the test's own.
pub(crate) struct Records(DatabaseConnection);

impl Records {
    pub(crate) async fn open(url: &str) -> Self {
        Self(sea_orm::Database::connect(url).await.unwrap())
    }

    /// All events, by chat and id.
    pub(crate) async fn events(&self) -> Vec<StoredEvent> {
        let rows = self
            .rows("SELECT id, previous_id, command_id, chat_id FROM events ORDER BY chat_id, id")
            .await;
        rows.iter()
            .map(|row| StoredEvent {
                id: row.try_get("", "id").unwrap(),
                previous_id: row.try_get("", "previous_id").unwrap(),
                command: row.try_get::<Uuid>("", "command_id").unwrap().into(),
                chat: row.try_get("", "chat_id").unwrap(),
            })
            .collect()
    }

    /// All memberships: user and chat.
    pub(crate) async fn members(&self) -> Vec<(i64, i64)> {
        let rows = self
            .rows("SELECT user_id, chat_id FROM user_chats ORDER BY user_id, chat_id")
            .await;
        rows.iter()
            .map(|row| {
                (
                    row.try_get("", "user_id").unwrap(),
                    row.try_get("", "chat_id").unwrap(),
                )
            })
            .collect()
    }

    /// Has the events of a chat up to this one count as no longer kept.
    pub(crate) async fn prune(&self, chat: i64, through: i64) {
        let sql =
            format!("INSERT INTO pruned_histories (chat_id, through) VALUES ({chat}, {through})");
        self.0.execute_unprepared(&sql).await.unwrap();
    }

    async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        self.0.query_all_raw(statement).await.unwrap()
    }
}
