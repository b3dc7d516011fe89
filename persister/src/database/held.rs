//! One connection of PostgreSQL that is kept from one statement to the next.
//!
//! A pool asks of every connection that comes back whether it is still there, which costs a small batch more round trips
//! than the batch itself, and hands its connections out in turn, so that every batch meets another server process whose
//! caches have gone cold.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::postgres::Postgres;
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, AssertSqlSafe, Executor};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};

use super::POSTGRES_WRITERS_BESIDE;

/// A connection out of the pool. Dropped, also in the middle of a statement, it goes back there or is closed.
#[derive(Debug)]
pub struct Held {
    connection: AsyncMutex<PoolConnection<Postgres>>,
    /// To keep it.
    permit: Option<OwnedSemaphorePermit>,
}

/// Where one who writes again and again keeps a connection between two batches. A clone has none yet.
#[derive(Debug)]
pub struct Place {
    kept: Mutex<Option<Held>>,
    /// For all clones together, so that the pool is left some connections for everything else.
    permits: Arc<Semaphore>,
}

impl Place {
    /// A place for a connection of this pool, if it is one of PostgreSQL.
    pub fn new(db: &DatabaseConnection) -> Self {
        let connections = match db.get_database_backend() {
            DbBackend::Postgres => {
                let pool = db.get_postgres_connection_pool();
                pool.options().get_max_connections()
            }
            _ => 0,
        };
        let permits = connections.saturating_sub(POSTGRES_WRITERS_BESIDE);
        Self {
            kept: Mutex::default(),
            permits: Arc::new(Semaphore::new(permits as usize)),
        }
    }

    /// The connection that was put here last, or one from the pool, which must be of PostgreSQL. Waits as long as the
    /// pool does.
    pub async fn take(&self, db: &DatabaseConnection) -> Result<Held, DbErr> {
        if let Some(held) = self.take_kept() {
            return Ok(held);
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        let taken = db.get_postgres_connection_pool().acquire().await;
        taken
            .map(|connection| Held {
                connection: AsyncMutex::new(connection),
                permit,
            })
            .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
    }

    /// The connection that was put here last, if one is kept.
    pub fn take_kept(&self) -> Option<Held> {
        self.kept().take()
    }

    /// Keeps a connection that has answered, unless too many are kept.
    pub fn put(&self, held: Held) {
        if held.permit.is_some() {
            *self.kept() = Some(held);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Held>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Place {
    fn clone(&self) -> Self {
        Self {
            kept: Mutex::default(),
            permits: Arc::clone(&self.permits),
        }
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl ConnectionTrait for Held {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection.lock().await;
        let result = connection.execute(query(statement)).await;
        result.map(Into::into).map_err(exec_error)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection.lock().await;
        let result = connection.execute(AssertSqlSafe(sql.to_owned())).await;
        result.map(Into::into).map_err(exec_error)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut connection = self.connection.lock().await;
        let row = connection.fetch_optional(query(statement)).await;
        row.map(|row| row.map(Into::into)).map_err(query_error)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut connection = self.connection.lock().await;
        let rows = connection.fetch_all(query(statement)).await;
        rows.map(|rows| rows.into_iter().map(Into::into).collect())
            .map_err(query_error)
    }
}

/// The statement as sqlx knows it. Its text is sea-query's, which binds all values.
fn query(statement: Statement) -> Query<'static, Postgres, SqlxValues> {
    let values = statement
        .values
        .unwrap_or_else(|| sea_orm::Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}

fn exec_error(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

#[cfg(test)]
mod tests {
    use sea_orm::sqlx::postgres::PgPoolOptions;

    use super::*;

    /// Nobody is connected to.
    fn pool(connections: u32) -> DatabaseConnection {
        let options = PgPoolOptions::new().max_connections(connections);
        options
            .connect_lazy("postgres://nobody@localhost/none")
            .unwrap()
            .into()
    }

    #[tokio::test]
    async fn the_pool_is_left_connections_for_everything_else() {
        for (connections, kept) in [(1, 0), (3, 1), (8, 6)] {
            let place = Place::new(&pool(connections));
            assert_eq!(place.permits.available_permits(), kept);
            assert!(Arc::ptr_eq(&place.permits, &place.clone().permits));
        }
    }
}
