//! Gets a batch into the database, whatever stands in the way: waits for the database, decides again after a
//! conflict, and halves a batch that cannot be stored until the message that is to blame stands alone. A message is
//! stored whole; which of several commands in it is to blame is found out by storing some of them and undoing it.

use std::collections::{BTreeMap, VecDeque};

use shared::command::Outcome;
use shared::error_code::ErrorCode;
use shared::{metric, trace};
use tokio::time::Instant;
use tracing::Instrument;

use super::owner::Owner;
use super::{End, typing};
use crate::backoff::Backoff;
use crate::decide::{Decision, Wish};
use crate::delivery::{Delivery, Listener};
use crate::publish::Publication;
use crate::set_aside::Reason;
use crate::store::{AskFor, StoreError, TryAgain};

/// Conflicts in a row after which the batch itself is suspected.
const CONFLICTS_MAX: u32 = 3;

/// Why a batch is not stored.
enum Obstacle {
    /// The ownership ends.
    End(End),
    /// Something in it cannot be stored.
    Unstorable(StoreError),
}

impl Owner<'_> {
    /// Carries out commands in order and adds what became of them.
    pub(super) async fn carry_out(
        &mut self,
        deliveries: Vec<Delivery>,
        publication: &mut Publication,
    ) -> Result<(), End> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let partitions = self.office.store.partitions();
        let mut wishes = Vec::with_capacity(deliveries.len());
        let mut listeners = Vec::with_capacity(deliveries.len());
        let mut originals = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            if let Some(reason) = delivery.unreadable {
                let Delivery { wish, listener, .. } = &delivery;
                let original = delivery.original.of(wish, listener, partitions);
                self.set_aside(wish, &original, reason).await?;
            }
            wishes.push(delivery.wish);
            listeners.push(delivery.listener);
            originals.push(delivery.original);
        }
        let mut parts = VecDeque::new();
        parts.push_back(0..wishes.len());
        while let Some(part) = parts.pop_front() {
            let attempt = self.store(&wishes[part.clone()], &listeners[part.clone()]);
            match attempt.await {
                Ok(decision) => {
                    count(&wishes[part.clone()], &decision);
                    let lease = self.office.store.typing_lease();
                    typing::expect(self.typing_due, &decision.typing, lease);
                    publication.add(self.lease.carried_out(), &decision, &listeners[part]);
                }
                Err(Obstacle::End(end)) => return Err(end),
                Err(Obstacle::Unstorable(error)) => {
                    if let Some(middle) = middle(&wishes[part.clone()]) {
                        let middle = part.start + middle;
                        parts.push_front(middle..part.end);
                        parts.push_front(part.start..middle);
                        continue;
                    }
                    let place = part.start + self.culprit(&wishes[part.clone()]).await?;
                    let wish = &mut wishes[place];
                    tracing::error!(
                        partition = %self.lease.partition,
                        stream.sequence = wish.seq,
                        command.id = ?wish.id,
                        %error,
                        "rejecting a command that cannot be stored"
                    );
                    let original = originals[place].of(wish, &listeners[place], partitions);
                    self.set_aside(wish, &original, Reason::RefusedByDatabase)
                        .await?;
                    wish.asks = Err(ErrorCode::Unavailable);
                    parts.push_front(part);
                }
            }
        }
        Ok(())
    }

    /// Which command of a message is the first that cannot be stored. The message as a whole could not. Of those that are
    /// to be carried out at least one is blamed each time, so that this comes to an end.
    async fn culprit(&self, message: &[Wish]) -> Result<usize, End> {
        // So many from the start on can be stored, and so many cannot.
        let (mut can, mut cannot) = (0, message.len());
        let mut patience = Backoff::default();
        while cannot - can > 1 {
            let middle = can.midpoint(cannot);
            match self.store.rehearse(self.lease, &message[..middle]).await {
                Ok(()) => can = middle,
                Err(StoreError::Row(_) | StoreError::TryAgain(TryAgain::Conflict, _)) => {
                    cannot = middle;
                }
                Err(StoreError::Fenced) => return Err(End::Fenced),
                Err(error) => self.wait_for_database(&error, &mut patience).await?,
            }
        }
        let suspect = |place: &usize| message[*place].asks.is_ok();
        Ok((can..message.len())
            .chain(0..can)
            .find(suspect)
            .unwrap_or(can))
    }

    /// One transaction, tried for as long as that may help.
    async fn store(
        &mut self,
        wishes: &[Wish],
        listeners: &[Listener],
    ) -> Result<Decision, Obstacle> {
        let span = tracing::info_span!(
            parent: None,
            "batch",
            partition = %self.lease.partition,
            commands = wishes.len(),
        );
        if let Some(traceparent) = listeners.iter().find_map(|l| l.traceparent.as_deref()) {
            trace::continue_from(&span, traceparent);
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a batch has at most 512 commands"
        )]
        metrics::histogram!(metric::BATCH_COMMANDS).record(wishes.len() as f64);
        let mut ask_for = AskFor::Likely;
        let mut conflicts = 0;
        let mut patience = Backoff::default();
        loop {
            self.lease.published = self.progress.published_up_to();
            let start = Instant::now();
            let result = self
                .store
                .commit(self.lease, wishes, ask_for)
                .instrument(span.clone())
                .await;
            let error = match result {
                Ok(decision) => {
                    metrics::histogram!(metric::TRANSACTION_SECONDS)
                        .record(start.elapsed().as_secs_f64());
                    self.database_is_up();
                    self.progress
                        .stored(self.lease.next_seq, self.lease.published.seq);
                    return Ok(decision);
                }
                Err(error) => error,
            };
            metrics::counter!(metric::TRANSACTION_ERRORS, "kind" => error.kind()).increment(1);
            match error {
                StoreError::Fenced => return Err(Obstacle::End(End::Fenced)),
                StoreError::TryAgain(TryAgain::Conflict, _) if conflicts < CONFLICTS_MAX => {
                    conflicts += 1;
                    ask_for = AskFor::All;
                }
                StoreError::TryAgain(TryAgain::Conflict, _) | StoreError::Row(_)
                    if wishes.iter().any(|wish| wish.asks.is_ok()) =>
                {
                    return Err(Obstacle::Unstorable(error));
                }
                // Of commands that are refused anyway only the rejection is stored. If that fails, it is
                // not for anything in them.
                _ => self
                    .wait_for_database(&error, &mut patience)
                    .await
                    .map_err(Obstacle::End)?,
            }
        }
    }
}

/// Where to halve a batch: between two messages, as near to its middle as may be. Nowhere if it is one.
fn middle(wishes: &[Wish]) -> Option<usize> {
    (1..wishes.len())
        .filter(|place| wishes[place - 1].is_last)
        .min_by_key(|place| place.abs_diff(wishes.len() / 2))
}

fn count(wishes: &[Wish], decision: &Decision) {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (wish, outcome) in wishes.iter().zip(&decision.outcomes) {
        let kind = match &wish.asks {
            Ok(command) => command.kind.name(),
            Err(_) => "UNREADABLE",
        };
        let outcome = match outcome {
            Some(Outcome::Stored(_)) => "stored",
            Some(Outcome::Rejected(code)) => code.name(),
            None if matches!(&wish.asks, Ok(asks) if asks.if_typing_since.is_some()) => "moot",
            None => "passed over",
        };
        *counts.entry((kind, outcome)).or_default() += 1;
    }
    // A counter is looked up by its labels: once for all that have the same.
    for ((kind, outcome), count) in counts {
        metrics::counter!(metric::CARRIED_OUT, "type" => kind, "outcome" => outcome)
            .increment(count);
    }
}
