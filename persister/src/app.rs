//! From settings to running tasks, and back.

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream;
use async_nats::jetstream::context::CreateStreamError;
use sea_orm::{DbBackend, DbErr};
use shared::bus::{Bus, Refused};
use shared::config::BadSettings;
use shared::lifecycle::Lifecycle;
use shared::{metric, stream, subject};
use tokio::time::timeout;
use uuid::Uuid;

use crate::backoff::{Backoff, jittered};
use crate::config::RunConfig;
use crate::database::{
    Database, WrongPartitionCount, fix_partitions, is_absence, is_migrated, migrate,
};
use crate::decide::TypingLease;
use crate::fleet::Fleet;
use crate::health::Health;
use crate::partition::{self, Office};
use crate::set_aside::Reason;
use crate::store::{Store, StoreError, prune};
use crate::{database, queries};

/// Longest wait for the ack of a publish, and for an answer of the JetStream API.
const JETSTREAM_MAX: Duration = Duration::from_secs(2);

/// Longest wait for a stream to be declared, before it is tried again.
const DECLARE_MAX: Duration = Duration::from_secs(5);

/// Longest wait for NATS before the log says that we wait.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(1);

/// Longest wait for the database when closing it.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// How often rejections that nobody can ask about any more are looked for.
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);

/// A persister whose tasks are running.
#[derive(Debug)]
pub struct App {
    database: Database,
    fleet: Fleet,
}

/// Has what alerts look for be counted from the start.
pub fn begin_counters() {
    for counter in [
        metric::STREAM_LOSSES,
        metric::DATABASE_LOSSES,
        metric::TAKEOVERS,
    ] {
        metric::begin(counter, &[]);
    }
    for reason in Reason::ALL {
        metric::begin(metric::SET_ASIDE, &[("reason", reason.name())]);
    }
    for kind in StoreError::KINDS {
        metric::begin(metric::TRANSACTION_ERRORS, &[("kind", kind)]);
    }
}

impl App {
    /// Waits for database and NATS, prepares both, and starts all tasks. `health` is ready from then on.
    ///
    /// # Errors
    /// [`BadSettings`] when the database was set up for another number of partitions; anything else when
    /// waiting would not help.
    pub async fn start(
        config: &RunConfig,
        life: &Lifecycle,
        health: &Health,
    ) -> anyhow::Result<Self> {
        health.waits_for("the database");
        let database = open_database(config).await?;
        let fixed = async || match fix_partitions(&database.writer, config.partitions).await {
            Err(WrongPartitionCount::Database(error)) => Err(error),
            fixed => Ok(fixed),
        };
        insist(fixed)
            .await
            .context("cannot read the number of partitions")?
            .map_err(|wrong| BadSettings(wrong.to_string()))?;
        health.waits_for("NATS");
        let bus = connect("persister", config).await?;
        // Questions on a connection of their own: a storm of them must not delay commands and events.
        let questions = connect("persister questions", config).await?;
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(JETSTREAM_MAX)
            .build(bus.client.clone());
        // Boxed: large, and gone before anything else begins.
        health.waits_for("NATS to declare the streams");
        allowed(&bus, Box::pin(declare_streams(config, &jetstream))).await?;
        health.waits_for("the database");

        let replica = Uuid::now_v7().to_string();
        let fleet = Fleet::new(
            database.writer.clone(),
            replica.clone(),
            config.lease_ttl,
            config.partitions,
        );
        insist(async || fleet.report().await)
            .await
            .context("cannot join the fleet")?;
        let store = Store::new(
            database.writer.clone(),
            config.partitions,
            config.lease_ttl,
            TypingLease(config.typing_lease),
            replica,
        );
        let office = Office {
            store,
            fleet: fleet.clone(),
            bus: bus.clone(),
            jetstream,
            limits: config.streams.clone(),
            set_aside: set_aside_stream(config),
            retention: config.retention(),
            life: life.clone(),
        };
        for partition in config.partitions.all() {
            life.spawn_essential("partition", partition::run(office.clone(), partition));
        }
        life.spawn_essential("fleet", report(life.clone(), fleet.clone()));
        life.spawn_essential("prune", prune_rejections(life.clone(), database.clone()));
        queries::spawn(life, &questions, &database.reader);
        health.started(bus, fleet.clone());
        Ok(Self { database, fleet })
    }

    /// Leaves the fleet and closes the database. For after all tasks have ended.
    pub async fn close(self) {
        let closing = async {
            self.fleet.leave().await?;
            self.database.close().await
        };
        match timeout(CLOSE_MAX, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "leaving the database failed"),
            Err(_) => tracing::warn!("the database did not let go in time"),
        }
    }
}

/// Connects and migrates; waits for a server that is not there yet. A file that cannot be opened will not
/// open later either.
async fn open_database(config: &RunConfig) -> anyhow::Result<Database> {
    let url = &config.database.address()?;
    let mut backoff = Backoff::default();
    loop {
        let opening = async {
            if !config.no_migrate {
                migrate(url).await?;
            }
            let database = Database::connect_for(url, config.partitions).await?;
            // Asked even after our own migration: it costs one query, and then it is true however we got here.
            let migrated = is_migrated(&database.reader).await?;
            Ok((database, migrated))
        };
        let error = match opening.await {
            Ok((database, true)) => return Ok(database),
            Ok((database, false)) => {
                tracing::warn!("waiting for the database to be migrated");
                // Left open it would be one more for each time that we look.
                let _ = database.close().await;
                backoff.wait().await;
                continue;
            }
            Err(error) => error,
        };
        if !is_absence(&error) || url.backend() == DbBackend::Sqlite {
            return Err(error).context("cannot open the database");
        }
        tracing::warn!(%error, "waiting for the database");
        backoff.wait().await;
    }
}

/// Asks something of the database, for as long as it takes to come back should it go away just now.
async fn insist<T>(ask: impl AsyncFn() -> Result<T, DbErr>) -> Result<T, DbErr> {
    let mut backoff = Backoff::default();
    loop {
        match ask().await {
            Err(error) if is_absence(&error) => {
                tracing::warn!(%error, "waiting for the database");
                backoff.wait().await;
            }
            settled => return settled,
        }
    }
}

async fn connect(name: &str, config: &RunConfig) -> anyhow::Result<Bus> {
    let bus = Bus::connect(name, subject::PERSISTER_INBOX, &config.nats)
        .await
        .context("cannot use these NATS servers")?;
    let connected = async {
        if timeout(QUIET_WAIT_MAX, bus.wait_connected()).await.is_err() {
            tracing::warn!(connection = name, "waiting for NATS");
            bus.wait_connected().await;
        }
    };
    allowed(&bus, connected).await?;
    Ok(bus)
}

/// Does something that takes as long as it takes, unless NATS does not allow it: then waiting would not help.
async fn allowed<T>(bus: &Bus, task: impl Future<Output = T>) -> Result<T, Refused> {
    tokio::select! {
        done = task => Ok(done),
        refused = bus.refused() => Err(refused),
    }
}

async fn declare_streams(config: &RunConfig, jetstream: &jetstream::Context) {
    for partition in config.partitions.all() {
        persistently(async || stream::declare(jetstream, partition, &config.streams).await).await;
    }
    let set_aside = async || {
        let stream = set_aside_stream(config);
        jetstream.create_or_update_stream(stream).await.map(|_| ())
    };
    persistently(set_aside).await;
}

/// The stream of commands that cannot be carried out, as declared.
fn set_aside_stream(config: &RunConfig) -> jetstream::stream::Config {
    stream::set_aside_stream(
        config.streams.stream_replicas,
        config.set_aside_stream_bytes_max,
    )
}

/// Declares streams, for as long as it takes.
async fn persistently(declare: impl AsyncFn() -> Result<(), CreateStreamError>) {
    let mut backoff = Backoff::default();
    loop {
        let error = match timeout(DECLARE_MAX, declare()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(error, "a stream cannot be declared; trying again");
        backoff.wait().await;
    }
}

async fn report(life: Lifecycle, fleet: Fleet) {
    while !life.is_stopping() {
        let was_up = fleet.is_database_up();
        match fleet.report().await {
            Ok(()) if !was_up => tracing::info!("the database answers again"),
            Err(error) if was_up => tracing::warn!(%error, "the database does not answer"),
            Ok(()) | Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(fleet.lease_ttl() / 3)) => {}
            () = life.stopping() => {}
        }
    }
}

async fn prune_rejections(life: Lifecycle, database: database::Database) {
    while !life.is_stopping() {
        if let Err(error) = prune::rejections(&database.writer).await {
            tracing::debug!(%error, "old rejections could not be removed");
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(PRUNE_INTERVAL)) => {}
            () = life.stopping() => {}
        }
    }
}
