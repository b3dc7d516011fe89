//! After the commit: stored events to their stream, then outcomes to the gateways that wait for them.
//!
//! In this order, because a gateway turns an outcome into a RECEIPT, and a RECEIPT means stored *and* published
//! (contract section 3). Events are published until NATS has them; publishing one twice is harmless, since every
//! receiver drops ids it has seen. An outcome is sent once: who misses it asks `svc.outcome`.

mod publication;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use shared::bus::Bus;
use shared::partition::{Partition, PartitionCount};
use shared::stream::{self, StreamLimits};
use shared::{metric, subject};
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::progress::Progress;

use publication::Pack;
pub use publication::{Announcement, Publication};

/// Longest wait for one attempt at publishing a batch.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);

/// Publishes for one owner of a partition.
#[derive(Debug)]
pub struct Publisher {
    bus: Bus,
    jetstream: jetstream::Context,
    partition: Partition,
    partitions: PartitionCount,
    limits: StreamLimits,
    progress: Arc<Progress>,
    /// Last sequence of the event stream, once an ack told it.
    stream_seq: Option<u64>,
}

impl Publisher {
    /// A publisher that has published nothing yet.
    pub fn new(
        bus: Bus,
        jetstream: jetstream::Context,
        partition: Partition,
        partitions: PartitionCount,
        limits: StreamLimits,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            bus,
            jetstream,
            partition,
            partitions,
            limits,
            progress,
            stream_seq: None,
        }
    }

    /// Publishes what comes until there is no more.
    pub async fn run(mut self, mut publications: mpsc::Receiver<Publication>) {
        while let Some(publication) = publications.recv().await {
            self.publish(publication).await;
        }
    }

    /// Publishes one batch, for as long as it takes.
    pub async fn publish(&mut self, publication: Publication) {
        let mut backoff = Backoff::default();
        let packs = publication.packed_events();
        while let Err(error) = self.attempt(&packs).await {
            tracing::warn!(
                partition = %self.partition,
                events = publication.events.len(),
                error,
                "publishing events failed; publishing them again"
            );
            backoff.wait().await;
            // It may have been removed, and nothing else here would notice.
            let declaring = stream::declare(&self.jetstream, self.partition, &self.limits);
            let _ = tokio::time::timeout(ATTEMPT_MAX, declaring).await;
            self.stream_seq = None;
        }
        metrics::counter!(metric::PUBLISHED).increment(publication.events.len() as u64);
        let heads = publication
            .events
            .iter()
            .map(|event| (event.chat_id, event.id));
        self.progress.published(publication.behind, heads);

        for (gateway, payload) in publication.packed_outcomes() {
            let sending = self
                .bus
                .client
                .publish(subject::outcomes(&gateway), payload);
            if !matches!(tokio::time::timeout(ATTEMPT_MAX, sending).await, Ok(Ok(()))) {
                tracing::warn!(%gateway, "outcomes could not be sent; the gateway will ask");
            }
        }
    }

    /// All but the last without waiting, the last with an ack: its sequence tells whether all have arrived.
    async fn attempt(&mut self, packs: &[Pack]) -> Result<(), String> {
        let Some((last, others)) = packs.split_last() else {
            return Ok(());
        };
        let sending = async {
            for pack in others {
                self.bus
                    .client
                    .publish(self.subject(pack), pack.payload.clone())
                    .await
                    .map_err(|error| error.to_string())?;
            }
            self.jetstream
                .publish(self.subject(last), last.payload.clone())
                .await
                .map_err(|error| error.to_string())?
                .await
                .map_err(|error| error.to_string())
        };
        let ack = tokio::time::timeout(ATTEMPT_MAX, sending)
            .await
            .map_err(|_| "no ack in time".to_owned())??;
        let before = self.stream_seq.replace(ack.sequence);
        match before.map(|before| before + packs.len() as u64) {
            // More than expected: another replica publishes stored events again, which does no harm.
            Some(expected) if ack.sequence < expected => Err(format!(
                "the stream is at {} instead of {expected}",
                ack.sequence
            )),
            _ => Ok(()),
        }
    }

    fn subject(&self, pack: &Pack) -> String {
        subject::events(self.partitions, pack.chat_id)
    }
}
