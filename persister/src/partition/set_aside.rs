//! Sets aside a command that cannot be carried out, before the owner goes on behind it.
//!
//! When NATS does not take it, the owner waits: passing it over would lose it. Meanwhile the beacon says that the
//! partition is behind, so that gateways refuse commands for it instead of letting them wait without an answer.

use std::time::Duration;

use shared::{metric, subject};
use tokio::time::{Instant, sleep, timeout};

use super::End;
use super::owner::Owner;
use crate::decide::Wish;
use crate::delivery::Original;
use crate::set_aside::{self, Place, Reason};

/// Longest wait for NATS to take one command.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);

impl Owner<'_> {
    /// Sets a command aside, for as long as it takes.
    pub(super) async fn set_aside(
        &mut self,
        wish: &Wish,
        original: &Original,
        reason: Reason,
    ) -> Result<(), End> {
        let mut bus_seen = Instant::now();
        loop {
            let error = match self.try_to_set_aside(wish, original, reason).await {
                Ok(duplicate) => {
                    self.progress.set_stuck(false);
                    if !duplicate {
                        metrics::counter!(metric::SET_ASIDE, "reason" => reason.name())
                            .increment(1);
                        tracing::error!(
                            partition = %self.lease.partition,
                            stream.sequence = wish.seq,
                            subject = %original.subject,
                            %reason,
                            "set aside a command that cannot be carried out"
                        );
                    }
                    return Ok(());
                }
                Err(error) => error,
            };
            if self.progress.set_stuck(true) {
                tracing::error!(
                    partition = %self.lease.partition,
                    %error,
                    "a command cannot be set aside; the partition waits until it can"
                );
            }
            tokio::select! {
                () = sleep(self.office.store.lease_ttl() / 3) => {}
                () = self.office.life.stopping() => return Err(End::Stopping),
            }
            self.stay(&mut bus_seen).await?;
        }
    }

    /// Whether the command had been set aside before.
    async fn try_to_set_aside(
        &self,
        wish: &Wish,
        original: &Original,
        reason: Reason,
    ) -> Result<bool, async_nats::Error> {
        let place = Place {
            partition: self.lease.partition,
            seq: wish.seq,
            index: wish.index,
            time: wish.time,
        };
        let attempt = async {
            let jetstream = &self.office.jetstream;
            if self.progress.is_stuck() {
                // Somebody may have removed the stream.
                let limits = self.office.set_aside.clone();
                jetstream.create_or_update_stream(limits).await?;
            }
            let message = set_aside::message(place, original, reason);
            let subject = subject::set_aside(place.partition);
            let ack = jetstream.send_publish(subject, message).await?.await?;
            Ok(ack.duplicate)
        };
        timeout(ATTEMPT_MAX, attempt).await?
    }
}
