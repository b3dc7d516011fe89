//! One deployment: NATS, a fresh database, and as many persisters as a test wants.

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use persister::app::App;
use persister::config::{Cli, RunConfig, Task};
use persister::database::{Database, DatabaseUrl, fix_partitions, migrate};
use persister::decide::TypingLease;
use persister::health::Health;
use persister::store::Store;
use sea_orm::ConnectionTrait;
use shared::lifecycle::{Drain, Lifecycle};

use super::nats::Nats;
use super::{Gateway, postgres};

/// Of stores that tests use directly.
const TYPING_LEASE: TypingLease = TypingLease(Duration::from_mins(1));

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A deployment without persisters.
pub(crate) struct Rig {
    pub(crate) nats: Nats,
    pub(crate) database_url: String,
    _directory: tempfile::TempDir,
}

/// A persister in this process.
pub(crate) struct Running {
    pub(crate) life: Lifecycle,
    pub(crate) health: Arc<Health>,
    app: App,
}

impl Rig {
    pub(crate) async fn start(kind: Kind) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database_url = match kind {
            Kind::Sqlite => format!("sqlite://{}/test.db", directory.path().display()),
            Kind::Postgres => postgres::shared().new_database().await,
        };
        Self {
            nats: Nats::start(),
            database_url,
            _directory: directory,
        }
    }

    /// A deployment on servers that the test keeps in hand.
    pub(crate) fn of(nats: Nats, database_url: String) -> Self {
        Self {
            nats,
            database_url,
            _directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn config(&self, partitions: u16) -> RunConfig {
        config(&self.nats.url(), &self.database_url, partitions)
    }

    /// Starts a persister and waits until it serves.
    pub(crate) async fn persister(&self, partitions: u16) -> Running {
        Running::start(&self.config(partitions)).await
    }

    /// The database, migrated, with one partition.
    pub(crate) async fn database(&self) -> Database {
        let url: DatabaseUrl = self.database_url.parse().unwrap();
        migrate(&url).await.unwrap();
        let database = Database::connect(&url).await.unwrap();
        fix_partitions(&database.writer, 1.try_into().unwrap())
            .await
            .unwrap();
        database
    }

    /// The store of a replica of this name, for one partition.
    pub(crate) async fn store(&self, owner: &str, lease_ttl: Duration) -> Store {
        let database = self.database().await;
        Store::new(
            database.writer,
            1.try_into().unwrap(),
            lease_ttl,
            TYPING_LEASE,
            owner.to_owned(),
        )
    }

    /// The address of a copy of the database as it is now, while nobody uses it.
    pub(crate) async fn copy_of_database(&self) -> String {
        let Some(file) = self.database_url.strip_prefix("sqlite://") else {
            return postgres::shared().copy_of(&self.database_url).await;
        };
        let copy = file.replace("test.db", "copy.db");
        let url: DatabaseUrl = self.database_url.parse().unwrap();
        let database = Database::connect(&url).await.unwrap();
        let statement = format!("VACUUM INTO '{copy}'");
        let copying = database.writer.execute_unprepared(&statement);
        copying.await.unwrap();
        database.close().await.unwrap();
        format!("sqlite://{copy}")
    }

    pub(crate) async fn gateway(&self, partitions: u16) -> Gateway {
        Gateway::connect(&self.nats.url(), partitions).await
    }
}

pub(crate) fn config(nats_url: &str, database_url: &str, partitions: u16) -> RunConfig {
    let partitions = partitions.to_string();
    let arguments = [
        "persister",
        "--nats-url",
        nats_url,
        "--database-url",
        database_url,
        "--partitions",
        &partitions,
    ];
    match Cli::try_parse_from(arguments).unwrap().into_task() {
        Task::Run(config) => *config,
        other => panic!("{other:?}"),
    }
}

impl Running {
    pub(crate) async fn start(config: &RunConfig) -> Self {
        let life = Lifecycle::new();
        let health = Arc::new(Health::default());
        let app = App::start(config, &life, &health).await.unwrap();
        Self { life, health, app }
    }

    /// Asks it to stop, and waits until everything in hand is stored and published.
    pub(crate) async fn stop(self) {
        self.life.stop();
        assert!(
            self.life
                .run_to_end(Drain::at_once(super::PATIENCE))
                .unwrap()
                .await
        );
        self.app.close().await;
    }
}
