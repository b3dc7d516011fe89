//! The raw multi-row insert rate of the rows that events become: what the database allows on its own.

use std::fmt;
use std::time::{Duration, Instant};

use persister::database::{Database, DatabaseUrl, migrate};
use persister::entity::event::{Entity, Model};
use sea_orm::{EntityTrait, IntoActiveModel, TransactionTrait};
use serde::{Deserialize, Serialize};
use shared::event::EventType;

use crate::server::{Ground, Kind};

/// Rows of a transaction, the persister's largest batch.
const ROWS: i64 = 256;

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Insert {
    /// The pipeline whose database it is.
    pub server: Kind,
    /// Rows per second.
    pub per_second: f64,
}

/// Inserts for a while over one connection, with the library and the table that the persister uses.
pub fn run(ground: &Ground, server: Kind, length: Duration) -> anyhow::Result<Insert> {
    let (url, _server) = ground.database(server)?;
    let url: DatabaseUrl = url.parse()?;
    ground.block_on(async {
        migrate(&url).await?;
        let database = Database::connect(&url).await?;
        let (started, mut rows) = (Instant::now(), 0);
        while started.elapsed() < length {
            let transaction = database.writer.begin().await?;
            let batch = (rows + 1..=rows + ROWS).map(|id| row(id).into_active_model());
            Entity::insert_many(batch)
                .exec_without_returning(&transaction)
                .await?;
            transaction.commit().await?;
            rows += ROWS;
        }
        let per_second = rows as f64 / started.elapsed().as_secs_f64();
        database.close().await?;
        Ok(Insert { server, per_second })
    })
}

fn row(id: i64) -> Model {
    Model {
        id,
        command_id: uuid::Uuid::now_v7(),
        author_id: id,
        chat_id: id % 64 + 1,
        event_type: EventType::Join.code(),
        event_time: shared::clock::now().to_utc(),
        previous_id: (id - 64).max(0),
    }
}

impl fmt::Display for Insert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:18} raw insert: {:.0} rows/s",
            self.server, self.per_second
        )
    }
}
