//! The database as this process sees it: where it is, one pool to write with, one to answer questions with.
//!
//! Two pools, so that a storm of questions cannot keep a batch from its connection (design, pitfall 9).

mod absence;
mod held;
mod migrate;
mod open;
mod partitions;
mod url;

use std::time::Duration;

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::sqlx::{self, Connection, PgConnection};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use shared::partition::PartitionCount;

pub use absence::is_absence;
pub use held::{Held, Place};
pub use migrate::{is_migrated, migrate};
pub use partitions::{WrongPartitionCount, fix_partitions};
pub use url::{BadDatabaseUrl, DatabaseUrl};

/// Connections that write. Partitions commit in parallel on PostgreSQL; SQLite has one writer by nature.
const POSTGRES_WRITERS_MAX: u32 = 8;
/// Of those, for what is not a batch: leases, typing that is due, pruning.
const POSTGRES_WRITERS_BESIDE: u32 = 2;
const SQLITE_WRITERS_MAX: u32 = 1;

/// Connections that answer questions.
const POSTGRES_READERS_MAX: u32 = 4;
const SQLITE_READERS_MAX: u32 = 2;

/// Longest wait for a connection, the making of one included.
const ACQUIRE_MAX: Duration = Duration::from_secs(2);

/// Longest wait for a sign of life before a connection goes back to its pool.
const RELEASE_MAX: Duration = Duration::from_secs(1);

/// Longest a single statement may take in PostgreSQL.
const STATEMENT_MAX: Duration = Duration::from_secs(5);

/// How PostgreSQL plans: once for each statement, since the texts are few and the arguments tell nothing; and by an
/// index wherever there is one. Memberships and typing come and go, so that their tables are few rows among many dead
/// ones: to a planner without recent statistics a scan looks cheap, and becomes dearer with every batch.
const POSTGRES_PLANS: [(&str, &str); 3] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    // A scan that cannot be avoided counts as endlessly dear now, and would be compiled first.
    ("jit", "off"),
];

/// Longest wait for another process that holds SQLite's write lock.
const SQLITE_BUSY_MAX: Duration = Duration::from_secs(5);

/// Names the lock of [`exclusive`] among all advisory locks of the database: "chat" in ASCII.
const ADVISORY_LOCK: i64 = 0x6368_6174;

/// How transactions that write begin. SQLite takes the write lock at once: a lock taken later cannot be waited
/// for. PostgreSQL ignores it.
pub const IMMEDIATE: TransactionOptions = TransactionOptions {
    isolation_level: None,
    access_mode: None,
    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
};

/// Cheap handle to the database.
#[derive(Debug, Clone)]
pub struct Database {
    /// For batches, leases and provisioning.
    pub writer: DatabaseConnection,
    /// For questions only.
    pub reader: DatabaseConnection,
}

impl Database {
    /// Connects to a server once: whoever can wait for one tries again. A file is waited for.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, DbErr> {
        Self::connect_with(url, POSTGRES_WRITERS_MAX).await
    }

    /// The same, to carry out the commands of so many partitions: a writer each, and those for what is done beside.
    pub async fn connect_for(url: &DatabaseUrl, partitions: PartitionCount) -> Result<Self, DbErr> {
        let writers = u32::from(partitions.get()) + POSTGRES_WRITERS_BESIDE;
        Self::connect_with(url, writers.min(POSTGRES_WRITERS_MAX)).await
    }

    async fn connect_with(url: &DatabaseUrl, postgres_writers: u32) -> Result<Self, DbErr> {
        let (writers, readers) = match url.backend() {
            DbBackend::Sqlite => (SQLITE_WRITERS_MAX, SQLITE_READERS_MAX),
            _ => (postgres_writers, POSTGRES_READERS_MAX),
        };
        Ok(Self {
            writer: open::open(options(url, writers)).await?,
            reader: open::open(options(url, readers)).await?,
        })
    }

    /// Closes both pools.
    pub async fn close(self) -> Result<(), DbErr> {
        self.reader.close().await?;
        self.writer.close().await
    }
}

fn options(url: &DatabaseUrl, connections_max: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url.expose());
    options
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_MAX)
        .statement_timeout(STATEMENT_MAX)
        // A ping before every use would be one more round trip per batch; a dead connection shows itself as
        // a transient error, and the batch is tried again.
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.after_release(|connection, _| Box::pin(still_there(connection)))
        })
        .map_sqlx_postgres_opts(|options| options.options(POSTGRES_PLANS))
        .map_sqlx_sqlite_opts(|options| {
            use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
            options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // NORMAL may lose the last commits at a power cut, after their receipts went out.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(SQLITE_BUSY_MAX)
                .foreign_keys(true)
        });
    options
}

/// Whether a connection may go back to its pool. The pool asks that too, but without a time-out: a peer that has
/// vanished would hold its place until TCP gives up, a quarter of an hour later.
async fn still_there(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(RELEASE_MAX, connection.ping()).await {
        Ok(result) => result.map(|()| true),
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// A transaction that no other such transaction overlaps, in this process or another: for what is done once.
///
/// On PostgreSQL an advisory lock, which the end of the transaction gives back; on SQLite `BEGIN IMMEDIATE`.
async fn exclusive(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let transaction = db.begin_with_options(IMMEDIATE).await?;
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})");
        transaction.execute_unprepared(&lock).await?;
    }
    Ok(transaction)
}

/// Milliseconds since 1970 by the clock of the database, the only clock that leases know.
///
/// The time of the statement, not that of the transaction: a lease must not count from before a wait for a lock.
pub fn now_ms(backend: DbBackend) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust("CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
        _ => Expr::cust("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
    }
}
