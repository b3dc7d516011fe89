//! The life of one partition on one replica: wait for the lease, recover, own, give back, wait again.
//!
//! One task each. The design merges all owned partitions into one loop; apart, they are simpler, commit in
//! parallel on PostgreSQL, and one that is stuck does not hold up the others. Everything an owner does runs
//! inside this task, as futures side by side, so that nothing of it can outlive the ownership.

mod beacon;
mod carry_out;
mod hindsight;
mod owner;
mod pace;
mod purge;
mod recover;
mod retention;
mod set_aside;
mod typing;

use std::pin::pin;
use std::sync::Arc;

use async_nats::jetstream::{self, stream};
use shared::bus::Bus;
use shared::lifecycle::Lifecycle;
use shared::metric;
use shared::partition::Partition;
use shared::stream::StreamLimits;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::alarm::Alarm;
use crate::backoff::jittered;
use crate::delivery::Source;
use crate::fleet::{Claim, Fleet};
use crate::progress::Progress;
use crate::publish::Publisher;
use crate::reader::Reader;
use crate::retention::Retention;
use crate::store::{Lease, Store};

use owner::Owner;

/// Commands read ahead of the batch being carried out. The reader waits when there are more.
const READINGS_MAX: usize = 512;

/// Batches stored ahead of the one being published: storing one overlaps publishing the one before.
const PUBLICATIONS_MAX: usize = 2;

/// Why an ownership ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The process stops.
    Stopping,
    /// Others are alive and own too little.
    Excess,
    /// Another replica has taken the partition.
    Fenced,
    /// NATS cannot be reached from here; perhaps from another replica.
    BusLost,
    /// The command stream has restarted: recover once more.
    Restarted,
}

/// What every partition of this replica needs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Office {
    /// The tables.
    pub store: Store,
    /// This replica's place in the fleet.
    pub fleet: Fleet,
    /// The connection that publishes.
    pub bus: Bus,
    /// JetStream on that connection.
    pub jetstream: jetstream::Context,
    /// Bounds of the streams.
    pub limits: StreamLimits,
    /// The stream of commands that cannot be carried out.
    pub set_aside: stream::Config,
    /// How long events are kept.
    pub retention: Retention,
    /// When to stop.
    pub life: Lifecycle,
}

/// Runs one partition until the process stops.
pub async fn run(office: Office, partition: Partition) {
    // Said from the start on: a partition that nobody owns shows as 0 everywhere, not as nothing.
    let owned = metrics::gauge!(metric::PARTITION_OWNED, "partition" => partition.to_string());
    owned.set(0.0);
    while let Some((claim, lease)) = standby(&office, partition).await {
        owned.set(1.0);
        let end = Box::pin(own(&office, claim, lease)).await;
        owned.set(0.0);
        office.fleet.show();
        tracing::info!(%partition, ?end, "gave up a partition");
    }
}

/// Waits for a partition to be free, and for this replica to have a share to spare.
async fn standby(office: &Office, partition: Partition) -> Option<(Claim, Lease)> {
    loop {
        if office.life.is_stopping() {
            return None;
        }
        if office.bus.is_connected()
            && let Some(claim) = office.fleet.claim()
        {
            match office.store.acquire(partition).await {
                Ok(Some(lease)) => return Some((claim, lease)),
                Ok(None) => {}
                // The fleet's own report says so in the log; here it would be said once per partition.
                Err(error) => tracing::debug!(%partition, %error, "cannot ask for the lease"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(jittered(office.store.lease_ttl() / 3)) => {}
            () = office.life.stopping() => {}
        }
    }
}

/// Owns a partition until there is a reason not to.
async fn own(office: &Office, mut claim: Claim, mut lease: Lease) -> End {
    let (partition, epoch) = (lease.partition, lease.epoch);
    metrics::counter!(metric::TAKEOVERS).increment(1);
    office.fleet.show();
    tracing::info!(
        %partition,
        epoch,
        stream.sequence = lease.next_seq,
        "took over a partition"
    );
    let progress = Arc::new(Progress::new(lease.next_seq, lease.published));
    let typing_due = Alarm::default();
    let tenure = async {
        loop {
            let serving = serve(office, &mut claim, &mut lease, &progress, &typing_due);
            let end = Box::pin(serving).await;
            if end != End::Restarted {
                return end;
            }
        }
    };
    let end = tokio::select! {
        end = tenure => end,
        never = beacon::speak(office, partition, epoch, &progress) => match never {},
        never = retention::prune(office, partition) => match never {},
        never = typing::watch(office, partition, &typing_due) => match never {},
    };
    // A fenced owner has nothing left to give.
    if matches!(end, End::Stopping | End::Excess | End::BusLost)
        && let Err(error) = office.store.release(&lease).await
    {
        tracing::debug!(%partition, %error, "the lease could not be given back");
    }
    end
}

/// Recovers, then carries out commands: a reader and a publisher with the owner between them.
async fn serve(
    office: &Office,
    claim: &mut Claim,
    lease: &mut Lease,
    progress: &Arc<Progress>,
    typing_due: &Alarm,
) -> End {
    let source = Source {
        partition: lease.partition,
        partitions: office.store.partitions(),
    };
    let mut publisher = Publisher::new(
        office.bus.clone(),
        office.jetstream.clone(),
        source.partition,
        source.partitions,
        office.limits.clone(),
        Arc::clone(progress),
    );
    if let Err(end) = recover::recover(office, lease, progress, &mut publisher).await {
        return end;
    }
    let reader = Reader::new(
        office.bus.client.clone(),
        office.jetstream.clone(),
        source,
        lease.published.seq + 1,
    );
    let (readings_in, readings) = mpsc::channel(READINGS_MAX);
    let (publications_in, publications) = mpsc::channel(PUBLICATIONS_MAX);
    let mut beside = pin!(async {
        tokio::join!(reader.run(readings_in), publisher.run(publications));
    });
    let owner = Owner {
        office,
        store: office.store.clone(),
        replayed: lease.published,
        claim,
        lease,
        progress,
        typing_due,
    };
    let end = tokio::select! {
        end = owner.run(readings, publications_in) => end,
        // Only once the owner has dropped its ends of both channels, so never.
        () = &mut beside => return End::Restarted,
    };
    if matches!(end, End::Stopping | End::Excess | End::Restarted) {
        // What is stored but not published within the lease is left to the next owner, who replays it.
        let _ = timeout(office.store.lease_ttl(), beside).await;
    }
    lease.published = progress.published_up_to();
    end
}
