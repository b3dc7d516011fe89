//! What a new owner does before it carries out anything (design section 4.3, steps 6 and 11).
//!
//! The database knows what was carried out, the row how much of that was surely published. So: publish the
//! events in between again; see whether the stream is still the one the row speaks of; then read it from the
//! first command whose outcome may not have been told.

use std::time::Duration;

use shared::{metric, stream};
use tokio::time::timeout;

use super::{End, Office, hindsight};
use crate::history::{self, History};
use crate::progress::Progress;
use crate::publish::{Announcement, Publication, Publisher};
use crate::store::{Lease, StoreError};

/// Longest wait for JetStream to declare or describe a stream.
const API_MAX: Duration = Duration::from_secs(5);

/// Why recovering failed this time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("NATS: {0}")]
    Bus(#[from] async_nats::Error),
}

/// Recovers, for as long as it takes.
pub(super) async fn recover(
    office: &Office,
    lease: &mut Lease,
    progress: &Progress,
    publisher: &mut Publisher,
) -> Result<(), End> {
    loop {
        if office.life.is_stopping() {
            return Err(End::Stopping);
        }
        let failed = match attempt(office, lease, progress, publisher).await {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        tracing::warn!(partition = %lease.partition, error = %failed, "recovering a partition failed; trying again");
        if !office.bus.is_connected() {
            return Err(End::BusLost);
        }
        let renewed = office.store.renew(lease).await;
        for result in [Err(failed), renewed.map_err(Failed::Store)] {
            if let Err(Failed::Store(StoreError::Fenced)) = result {
                return Err(End::Fenced);
            }
        }
        tokio::time::sleep(office.store.lease_ttl() / 3).await;
    }
}

async fn attempt(
    office: &Office,
    lease: &mut Lease,
    progress: &Progress,
    publisher: &mut Publisher,
) -> Result<(), Failed> {
    // Somebody may have wiped NATS since the streams were declared at start.
    let declared = timeout(
        API_MAX,
        stream::declare(&office.jetstream, lease.partition, &office.limits),
    );
    declared.await.map_err(too_late)?.map_err(nats)?;

    publish_again(office, lease, publisher).await?;

    let check = history::check(
        &office.jetstream,
        lease.partition,
        lease.next_seq,
        lease.last_command_id,
    );
    let history = timeout(API_MAX, check).await.map_err(too_late)??;
    match history {
        History::Intact { stream, first_seq } => {
            hindsight::look_back(office, lease, &stream, first_seq).await
        }
        History::Restarted { first_seq } => restart(office, lease, progress, first_seq).await,
    }
}

/// Begins with the stream that there is now. Its sequences tell nothing about what was carried out before.
async fn restart(
    office: &Office,
    lease: &mut Lease,
    progress: &Progress,
    first_seq: i64,
) -> Result<(), Failed> {
    metrics::counter!(metric::STREAM_LOSSES).increment(1);
    tracing::error!(
        partition = %lease.partition,
        stream.sequence = lease.next_seq,
        stream.first_sequence = first_seq,
        "NATS has lost commands that were carried out, or was wiped; reading it from its beginning"
    );
    office.store.restart(lease, first_seq).await?;
    lease.carried_out_once = 0;
    progress.restarted(lease.published);
    Ok(())
}

/// Publishes stored events of which nobody knows whether they were. Their outcomes follow when the reader
/// comes to their commands: only those name a gateway.
async fn publish_again(
    office: &Office,
    lease: &Lease,
    publisher: &mut Publisher,
) -> Result<(), Failed> {
    let mut after = lease.published.number();
    loop {
        let page = office.store.unpublished(lease, after).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = office.store.number(lease, &last.event);
        let publication = Publication {
            // Not published to the end: the outcomes are still missing.
            behind: None,
            events: page
                .iter()
                .map(|stored| Announcement::new(&stored.event, stored.previous_id, None))
                .collect(),
            ..Publication::default()
        };
        let sending = publisher.publish(publication);
        tokio::select! {
            () = sending => {}
            () = office.life.stopping() => return Ok(()),
        }
    }
}

pub(super) fn too_late(_: tokio::time::error::Elapsed) -> Failed {
    nats("no answer in time")
}

pub(super) fn nats(error: impl Into<async_nats::Error>) -> Failed {
    Failed::Bus(error.into())
}
