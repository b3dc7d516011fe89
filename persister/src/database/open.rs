//! Opens a pool of connections, also on a SQLite file that is not to be had at once.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr, SqlxError};

use crate::store::is_sqlite_busy;

/// Times that a SQLite file is opened, and the wait between two.
const FILE_TRIES_MAX: u32 = 40;
const FILE_AGAIN: Duration = Duration::from_millis(50);

/// Connects: to a server once, to a SQLite file as often as it takes, within bounds.
///
/// Who opens a file sets its journal mode, and of two that do so at once SQLite tells one that the file is locked instead
/// of waiting as it does for everything else. And a disk that others keep busy can take longer than a pool waits for a
/// connection: that it is slow says nothing about whether the file can be opened.
pub(super) async fn open(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let is_file = options.get_url().starts_with("sqlite:");
    let tries = if is_file { FILE_TRIES_MAX } else { 1 };
    for _ in 1..tries {
        match Database::connect(options.clone()).await {
            Err(error) if is_sqlite_busy(&error) || is_slow(&error) => {
                tracing::warn!(%error, "waiting for the database file");
                tokio::time::sleep(FILE_AGAIN).await;
            }
            result => return result,
        }
    }
    Database::connect(options).await
}

fn is_slow(error: &DbErr) -> bool {
    matches!(error, DbErr::Conn(RuntimeErr::SqlxError(cause)) if matches!(**cause, SqlxError::PoolTimedOut))
}
