//! Brings the database to the present schema, whoever else is doing the same.
//!
//! All steps run in one transaction, so that half a migration never stays; DDL is transactional in both
//! databases. sea-orm-migration takes no lock of its own; [`super::exclusive`] makes a second migration wait and
//! then find nothing to do.

use std::collections::HashSet;
use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, EntityTrait};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};

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
    let db = super::open::open(options).await?;
    let result = locked(&db).await;
    db.close().await?;
    result
}

/// Whether no step is missing, asked as a role that may only read.
///
/// Steps that this program does not know are no obstacle: a newer version has migrated, and this one may have to
/// work beside it until it is replaced.
pub async fn is_migrated(db: &DatabaseConnection) -> Result<bool, DbErr> {
    let table = Migrator::migration_table_name().to_string();
    if !SchemaManager::new(db).has_table(&table).await? {
        return Ok(false);
    }
    let done = seaql_migrations::Entity::find().all(db).await?;
    let done: HashSet<String> = done.into_iter().map(|step| step.version).collect();
    Ok(Migrator::migrations()
        .iter()
        .all(|step| done.contains(step.name())))
}

async fn locked(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = super::exclusive(db).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}
