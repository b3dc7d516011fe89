//! A deploy under load: every gateway and every persister is replaced, one after the other, while clients are at
//! work. What they may notice is the announced close, and nothing else.
//!
//! The gateways stand behind a [`balancer`]; [`traveller`]s follow chats through it, some of them sending, and come
//! back with `last-event-id` whenever they are closed. [`outcome`] judges and draws when they went and came.

pub mod balancer;
pub mod outcome;
pub mod traveller;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use local::daemon::Daemon;
use local::postgres::{Durability, PostgresServer, PostgresSpec};
use local::preflight;
use local::programs::Programs;
use local::system::{System, SystemSpec, without_rates};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use self::balancer::Balancer;
use self::outcome::{Outcome, Stop};
use self::traveller::{Signals, Traveller};
use crate::records::Records;
use crate::stomp::HEART_BEAT;

/// The database's name.
const DATABASE: &str = "chat";
/// More than persisters, so that each owns some and shares change.
const PARTITIONS: u16 = 4;
/// The chats that there is life in, the first that the migration makes.
const CHATS: i64 = 10;
/// Time between two commands of one sender.
const PACE: Duration = Duration::from_millis(250);
/// How long a gateway goes on after the request to stop: longer than the balancer needs to notice.
const DRAIN_DELAY: &str = "1s";
/// Longest wait for anything that all clients have to do. A bound on hanging.
const ALL_MAX: Duration = Duration::from_mins(2);

/// What to do.
#[derive(Debug, Clone)]
pub struct Spec {
    /// From which programs.
    pub programs: Programs,
    /// Folder of PostgreSQL's server programs.
    pub postgres_programs: PathBuf,
    /// Folder of all data and logs.
    pub folder: PathBuf,
    /// How many gateways.
    pub gateways: usize,
    /// How many persisters.
    pub persisters: u16,
    /// How many clients, evenly over the chats.
    pub clients: usize,
    /// How many of them send, each a command every quarter of a second.
    pub senders: usize,
    /// The gateways' drain window.
    pub drain_window: Duration,
}

/// Starts everything, replaces everything, and tells what the clients noticed.
pub async fn run(spec: &Spec) -> anyhow::Result<Outcome> {
    std::fs::create_dir_all(&spec.folder)?;
    let postgres = PostgresServer::start(PostgresSpec {
        programs: spec.postgres_programs.clone(),
        data: spec.folder.join("postgres"),
        logs: spec.folder.clone(),
        durability: Durability::ProcessLoss,
        listener: None,
    })
    .await?;
    postgres.create_database(DATABASE)?;
    let database_url = postgres.url(DATABASE);
    let mut system = System::start(&system(spec, &database_url)?).await?;

    let gateways = system.gateways.iter();
    let balancer = Balancer::start(gateways.map(|it| (it.listen(), it.admin())).collect());
    let (signals, mut progress) = Signals::new();
    let mut travellers = JoinSet::new();
    for number in 0..spec.clients {
        let number = i64::try_from(number)?;
        let sends = number < i64::try_from(spec.senders)?;
        let traveller = Traveller::new(number + 1, number % CHATS + 1, sends, PACE);
        travellers.spawn(traveller.run(Arc::clone(&balancer), signals.clone()));
        // All at once they would fill the queue of connections that nobody has accepted yet.
        tokio::task::yield_now().await;
    }
    wait(&mut progress, "every client has seen an event", |now| {
        now.warm == spec.clients
    })
    .await?;

    let begun = Instant::now();
    let mut stops = Vec::new();
    for gateway in &mut system.gateways {
        stops.push(replace(gateway, true).await?);
    }
    for persister in &mut system.persisters {
        stops.push(replace(persister, false).await?);
    }
    let took = begun.elapsed();

    signals.stop_sending.cancel();
    wait(&mut progress, "every sender has its last answer", |now| {
        now.settled == spec.senders
    })
    .await?;
    let records = Records::open(&database_url).await?;
    let stored = records.events().await?;
    signals.heads.send_replace(Some(records.heads().await?));
    let journeys = timeout(ALL_MAX, travellers.join_all())
        .await
        .context("not every client has seen the last event of its chat")?;
    system.stop().await?;
    Ok(Outcome {
        stops,
        took,
        journeys,
        stored,
    })
}

fn system(spec: &Spec, database_url: &str) -> anyhow::Result<SystemSpec> {
    let gateway_args = [
        "--heart-beat-send".to_owned(),
        format!("{}ms", HEART_BEAT.as_millis()),
        "--drain-delay".to_owned(),
        DRAIN_DELAY.to_owned(),
        "--drain-window".to_owned(),
        format!("{}ms", spec.drain_window.as_millis()),
        "--drain-max".to_owned(),
        "2m".to_owned(),
    ];
    let mut gateways = Vec::new();
    for _ in 0..spec.gateways {
        // Not port 0: it is where the next process of this name will be.
        gateways.push(([127, 0, 0, 1], preflight::free_port()?).into());
    }
    Ok(SystemSpec {
        programs: spec.programs.clone(),
        nats_port: preflight::free_port()?,
        gateways,
        persisters: spec.persisters,
        partitions: PARTITIONS,
        database_url: database_url.to_owned(),
        daemon_args: Vec::new(),
        gateway_args: without_rates(gateway_args.into()),
        nats_store: spec.folder.join("nats"),
        logs: spec.folder.clone(),
        listener: None,
    })
}

/// Ends a process as a deploy does and starts its successor.
async fn replace(daemon: &mut Daemon, is_gateway: bool) -> anyhow::Result<Stop> {
    let begun = Instant::now();
    let status = daemon.stop().await?;
    ensure!(status.success(), "{} stopped with {status}", daemon.name());
    let stop = Stop {
        name: daemon.name().to_owned(),
        gateway: is_gateway.then(|| daemon.listen()),
        begun,
        took: begun.elapsed(),
    };
    daemon.restart().await?;
    daemon.wait_ready().await?;
    Ok(stop)
}

async fn wait(
    progress: &mut watch::Receiver<traveller::Progress>,
    what: &str,
    reached: impl Fn(&traveller::Progress) -> bool,
) -> anyhow::Result<()> {
    let waited = timeout(ALL_MAX, progress.wait_for(|now| reached(now))).await;
    let last = waited.map(|reached| reached.map(|_| ()));
    ensure!(
        matches!(last, Ok(Ok(()))),
        "not so after {ALL_MAX:?}: {what}; {:?}",
        *progress.borrow()
    );
    Ok(())
}
