//! What is done by hand, as seen in a terminal.

pub mod chats;
pub mod import;
pub mod set_aside;

use anyhow::Context;

use crate::config::DatabaseConfig;
use crate::database::{Database, is_migrated};

/// Opens a database that somebody has migrated. Another one is perhaps not the one that was meant.
async fn open(config: &DatabaseConfig) -> anyhow::Result<Database> {
    let database = Database::connect(&config.address()?)
        .await
        .context("cannot open the database")?;
    let migrated = is_migrated(&database.reader)
        .await
        .context("cannot read from the database")?;
    anyhow::ensure!(
        migrated,
        "the database of --database-url (DATABASE_URL) is not migrated; `persister migrate` does that"
    );
    Ok(database)
}
