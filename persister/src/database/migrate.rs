//! Brings the database to the present schema, whoever else is doing the same.
//!
//! All steps run in one transaction, so that half a migration never stays; DDL is transactional in both
//! databases. sea-orm-migration takes no lock of its own; [`super::exclusive`] makes a second migration wait and
//! then find nothing to do.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;

use super::DatabaseUrl;
use crate::migration::Migrator;

/// Longest wait for another migration. Longer than any of ours takes on a large database.
const LOCK_WAIT_MAX: Duration = Duration::from_mins(10);

/// Runs all steps that are missing.
pub async fn migrate(url: &DatabaseUrl) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(url.expose());
    options
        .max_connections(1)
        .acquire_timeout(super::ACQUIRE_MAX)
        .statement_timeout(LOCK_WAIT_MAX)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| {
            use sea_orm::sqlx::sqlite::SqliteJournalMode;
            options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .busy_timeout(LOCK_WAIT_MAX)
        });
    let db = Database::connect(options).await?;
    let result = locked(&db).await;
    db.close().await?;
    result
}

async fn locked(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = super::exclusive(db).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}
