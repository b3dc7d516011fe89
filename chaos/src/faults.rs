//! Carries a plan out: one task per lane, each with the part it breaks and mends.
//!
//! A process that ends by itself meanwhile is started again, as any supervisor would, and reported.

use std::sync::Arc;
use std::time::Duration;

use local::daemon::Daemon;
use local::nats_cluster::NatsCluster;
use local::postgres::PostgresServer;
use local::proxy::Proxy;
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::ground::Ground;
use crate::plan::{Blow, Fault, Lane, Plan};
use crate::tally::{Count, Tally};
use crate::violation::Violation;

/// Times that a process is started again before it is given up. PostgreSQL refuses to start while processes of
/// its former life are about to end, a persister without its database.
const START_TRIES_MAX: u32 = 100;
/// Wait between them.
const START_AGAIN: Duration = Duration::from_millis(300);

/// What a lane breaks.
pub enum Part {
    /// A gateway or persister.
    Daemon(Daemon),
    /// The bus.
    Nats(NatsCluster),
    /// The database.
    Postgres(PostgresServer),
    /// A connection.
    Link(Proxy),
}

/// Breaks the ground as planned, from `begin` on. Everything is mended when it returns, and lives on in what it
/// returns.
pub async fn carry_out(
    ground: Ground,
    plan: Plan,
    begin: Instant,
    tally: &Arc<Tally>,
) -> Vec<Part> {
    let mut parts = parts(ground);
    let mut lanes = JoinSet::new();
    for (lane, faults) in plan.lanes {
        let index = parts.iter().position(|(its, _)| *its == lane);
        let (_, part) = parts.swap_remove(index.expect("every lane has its part"));
        lanes.spawn(run(lane, part, faults, begin, Arc::clone(tally)));
    }
    lanes.join_all().await
}

fn parts(ground: Ground) -> Vec<(Lane, Part)> {
    let mut parts = vec![
        (Lane::Nats, Part::Nats(ground.nats)),
        (Lane::Postgres, Part::Postgres(ground.postgres)),
    ];
    let lanes = |links: Vec<Vec<Proxy>>, lane: fn(usize, usize) -> Lane| {
        let links = links
            .into_iter()
            .enumerate()
            .flat_map(move |(owner, links)| {
                let nodes = links.into_iter().enumerate();
                nodes.map(move |(node, link)| (lane(owner, node), Part::Link(link)))
            });
        links.collect::<Vec<_>>()
    };
    parts.extend(lanes(ground.nats_links, |gateway, node| Lane::NatsLink {
        gateway,
        node,
    }));
    parts.extend(lanes(ground.persister_nats_links, |persister, node| {
        Lane::PersisterNatsLink { persister, node }
    }));
    let daemons = ground.gateways.into_iter().enumerate();
    parts.extend(daemons.map(|(index, daemon)| (Lane::Gateway(index), Part::Daemon(daemon))));
    let daemons = ground.persisters.into_iter().enumerate();
    parts.extend(daemons.map(|(index, daemon)| (Lane::Persister(index), Part::Daemon(daemon))));
    let links = ground.client_links.into_iter().enumerate();
    parts.extend(links.map(|(index, link)| (Lane::ClientLink(index), Part::Link(link))));
    let links = ground.database_links.into_iter().enumerate();
    parts.extend(links.map(|(index, link)| (Lane::DatabaseLink(index), Part::Link(link))));
    parts
}

async fn run(
    lane: Lane,
    mut part: Part,
    faults: Vec<Fault>,
    begin: Instant,
    tally: Arc<Tally>,
) -> Part {
    for fault in faults {
        loop {
            tokio::select! {
                () = sleep_until(begin + fault.at) => break,
                obituary = part.ended_by_itself() => {
                    tally.violated(Violation::Process(obituary));
                    part.start(0, lane, &tally).await;
                }
            }
        }
        tally.note(&format_args!(
            "{lane} ({}): {:?}",
            fault.part + 1,
            fault.blow
        ));
        part.strike(fault, lane, &tally).await;
        tally.note(&format_args!("{lane} ({}): mended", fault.part + 1));
    }
    part
}

impl Part {
    async fn strike(&mut self, fault: Fault, lane: Lane, tally: &Tally) {
        match fault.blow {
            Blow::Kill { away, again } => {
                tally.count(Count::Kills);
                self.kill(fault.part).await;
                sleep(away).await;
                if let Some(again) = again
                    && timeout(again, self.restart(fault.part)).await.is_err()
                {
                    // Given up half-way, it was killed.
                    tally.count(Count::Kills);
                }
                if self.is_running(fault.part) {
                    self.wait_healthy(fault.part, tally).await;
                } else {
                    self.start(fault.part, lane, tally).await;
                }
            }
            Blow::Stop { stopped } => {
                tally.count(Count::Stops);
                self.signal(fault.part, Signal::STOP);
                sleep(stopped).await;
                self.signal(fault.part, Signal::CONT);
                self.wait_healthy(fault.part, tally).await;
            }
            Blow::Restart => {
                tally.count(Count::Restarts);
                self.stop(tally).await;
                self.start(fault.part, lane, tally).await;
            }
            Blow::Cut { refused } => {
                tally.count(Count::Cuts);
                if let Self::Link(link) = self {
                    link.refuse();
                    sleep(refused).await;
                    link.pass();
                }
            }
            Blow::Hold { held } => {
                tally.count(Count::Holds);
                if let Self::Link(link) = self {
                    link.hold();
                    sleep(held).await;
                    link.pass();
                }
            }
        }
    }

    /// Waits until a daemon ends that nobody ended.
    async fn ended_by_itself(&self) -> String {
        match self {
            Self::Daemon(daemon) => {
                let status = daemon.process().ended().await;
                daemon.process().obituary(status)
            }
            Self::Postgres(postgres) => {
                let status = postgres.process().ended().await;
                postgres.process().obituary(status)
            }
            Self::Nats(_) | Self::Link(_) => std::future::pending().await,
        }
    }

    async fn kill(&self, node: usize) {
        match self {
            Self::Daemon(daemon) => daemon.kill().await,
            Self::Nats(cluster) => cluster.nodes()[node].kill().await,
            Self::Postgres(postgres) => postgres.kill().await,
            Self::Link(_) => {}
        }
    }

    fn signal(&self, node: usize, signal: Signal) {
        match self {
            Self::Daemon(daemon) => daemon.process().signal(signal),
            Self::Nats(cluster) => cluster.nodes()[node].process().signal(signal),
            Self::Postgres(postgres) => postgres.signal_all(signal),
            Self::Link(_) => {}
        }
    }

    /// In order; only daemons have an order to stop in.
    async fn stop(&self, tally: &Tally) {
        if let Self::Daemon(daemon) = self {
            match daemon.stop().await {
                Ok(status) if status.success() => {}
                Ok(status) => {
                    tally.note(&format_args!("{} stopped with {status}", daemon.name()));
                }
                Err(error) => tally.violated(Violation::Process(format!("{error:#}"))),
            }
        }
    }

    /// Starts it again, and kills it when dropped before it is ready.
    async fn restart(&mut self, node: usize) -> anyhow::Result<()> {
        match self {
            Self::Daemon(daemon) => daemon.restart().await,
            Self::Nats(cluster) => cluster.node_mut(node).restart().await,
            Self::Postgres(postgres) => postgres.restart().await,
            Self::Link(_) => Ok(()),
        }
    }

    fn is_running(&self, node: usize) -> bool {
        let process = match self {
            Self::Daemon(daemon) => daemon.process(),
            Self::Nats(cluster) => cluster.nodes()[node].process(),
            Self::Postgres(postgres) => postgres.process(),
            Self::Link(_) => return true,
        };
        process.exit().is_none()
    }

    /// Starts it again, as often as it takes.
    async fn start(&mut self, node: usize, lane: Lane, tally: &Tally) {
        for _ in 0..START_TRIES_MAX {
            match self.restart(node).await {
                Ok(()) => return self.wait_healthy(node, tally).await,
                Err(error) => tally.note(&format_args!("{lane} does not start: {error:#}")),
            }
            sleep(START_AGAIN).await;
        }
        tally.violated(Violation::Process(format!("{lane} does not come back")));
    }

    /// Waits for a NATS node to have caught up, so that never two of them are behind.
    async fn wait_healthy(&self, node: usize, tally: &Tally) {
        if let Self::Nats(cluster) = self
            && let Err(error) = cluster.nodes()[node].wait_healthy().await
        {
            tally.violated(Violation::Process(format!("{error:#}")));
        }
    }
}
