//! The owner's loop. Its inputs: readings from the stream, room in front of the publisher, the tick that renews
//! the lease, the order to stop.

use std::time::Duration;

use shared::command::CommandOutcome;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{End, Office};
use crate::alarm::Alarm;
use crate::backoff::Backoff;
use crate::decide::Mark;
use crate::delivery::Delivery;
use crate::fleet::Claim;
use crate::progress::Progress;
use crate::publish::Publication;
use crate::reader::Reading;
use crate::store::{Lease, Store, StoreError};

/// Most commands in one transaction. What a transaction costs by itself, round trips above all, is shared by so many:
/// with 256, half as many, the whole system on two cores did a fifth less.
pub(super) const BATCH_COMMANDS_MAX: usize = 512;

/// Without NATS for this long, the partition is given to whoever may have it.
const BUS_LOST_MAX: Duration = Duration::from_secs(3);

/// Owns one partition.
pub(super) struct Owner<'a> {
    pub(super) office: &'a Office,
    /// Holds on to a connection of its own.
    pub(super) store: Store,
    pub(super) claim: &'a mut Claim,
    pub(super) lease: &'a mut Lease,
    /// How far the commands were read that an earlier owner carried out.
    pub(super) replayed: Mark,
    pub(super) progress: &'a Progress,
    /// Rings for what ends typing.
    pub(super) typing_due: &'a Alarm,
}

impl Owner<'_> {
    /// Carries out commands until there is a reason not to. What was taken from `readings` by then is either
    /// stored and handed to `publications`, or still in the stream.
    pub(super) async fn run(
        mut self,
        mut readings: mpsc::Receiver<Reading>,
        publications: mpsc::Sender<Publication>,
    ) -> End {
        let mut tick = interval(self.office.store.lease_ttl() / 3);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bus_seen = Instant::now();
        let mut batch = Vec::with_capacity(BATCH_COMMANDS_MAX);
        loop {
            let next = async {
                // Room first: what is stored must be published soon, or gateways wait for its outcome.
                let room = publications.reserve().await;
                let more = BATCH_COMMANDS_MAX - batch.len();
                (room, readings.recv_many(&mut batch, more).await)
            };
            tokio::select! {
                biased;
                () = self.office.life.stopping() => return End::Stopping,
                _ = tick.tick() => {
                    if let Err(end) = self.stay(&mut bus_seen).await {
                        return end;
                    }
                }
                (room, taken) = next => {
                    // Both channels end only with the futures beside this one.
                    let Ok(room) = room else { return End::Stopping };
                    let restarted = taken == 0
                        || batch.pop_if(|last| matches!(last, Reading::Restarted)).is_some();
                    // A message is carried out whole. Of the last one perhaps not all has come.
                    let whole = batch.iter().rposition(Reading::ends_message);
                    let whole = batch.drain(..whole.map_or(0, |last| last + 1)).collect();
                    // What was read before the stream restarted is gone from it: now or never.
                    match self.settle(whole).await {
                        Ok(publication) => room.send(publication),
                        Err(end) => return end,
                    }
                    if restarted {
                        return End::Restarted;
                    }
                }
            }
        }
    }

    /// Remains the owner for another while, unless there is a reason not to.
    pub(super) async fn stay(&mut self, bus_seen: &mut Instant) -> Result<(), End> {
        if self.office.bus.is_connected() {
            *bus_seen = Instant::now();
        } else if bus_seen.elapsed() > BUS_LOST_MAX {
            return Err(End::BusLost);
        }
        self.renew().await
    }

    /// Renews the lease, also while nothing else happens.
    async fn renew(&mut self) -> Result<(), End> {
        self.lease.published = self.progress.published_up_to();
        match self.store.renew(self.lease).await {
            Ok(()) => {
                self.database_is_up();
                self.progress
                    .stored(self.lease.next_seq, self.lease.published.seq);
            }
            Err(StoreError::Fenced) => return Err(End::Fenced),
            Err(error) => self.database_is_down(&error),
        }
        if self.office.fleet.give_back_excess(self.claim) {
            return Err(End::Excess);
        }
        Ok(())
    }

    /// Takes care of everything in the batch.
    async fn settle(&mut self, batch: Vec<Reading>) -> Result<Publication, End> {
        let mut replayed = Vec::new();
        let mut fresh = Vec::new();
        for reading in batch {
            match reading {
                Reading::Command(delivery) if delivery.wish.seq < self.lease.next_seq => {
                    replayed.push(*delivery);
                }
                Reading::Command(delivery) => fresh.push(*delivery),
                // The last thing a reader says, and taken off by the loop.
                Reading::Restarted => {}
            }
        }
        let mut publication = Publication::default();
        self.tell_again(replayed, &mut publication).await?;
        self.carry_out(fresh, &mut publication).await?;
        Ok(publication)
    }

    /// Outcomes of commands that an earlier owner carried out and perhaps told nobody about.
    async fn tell_again(
        &mut self,
        replayed: Vec<Delivery>,
        publication: &mut Publication,
    ) -> Result<(), End> {
        let ids: Vec<_> = replayed.iter().filter_map(|d| d.wish.id).collect();
        let mut patience = Backoff::default();
        let outcomes = loop {
            match self.office.store.outcomes(&ids).await {
                Ok(outcomes) => break outcomes,
                Err(error) => self.wait_for_database(&error, &mut patience).await?,
            }
        };
        for delivery in replayed {
            self.replayed = self.replayed.behind(&delivery.wish);
            // What was lost of them counts as full, and was not.
            self.replayed.id_base = self.replayed.id_base.min(self.lease.id_base);
            publication.behind = Some(self.replayed);
            // None: a rejection so old that it was removed, or a command without a name.
            if let Some((id, outcome)) = delivery
                .wish
                .id
                .and_then(|id| Some((id, *outcomes.get(&id)?)))
            {
                publication.tell(&delivery.listener, CommandOutcome { id, outcome });
            }
        }
        Ok(())
    }

    pub(super) fn database_is_up(&self) {
        if self.progress.set_database_up(true) {
            tracing::info!(partition = %self.lease.partition, "the database takes writes again");
        }
    }

    pub(super) fn database_is_down(&self, error: &StoreError) {
        if self.progress.set_database_up(false) {
            tracing::warn!(partition = %self.lease.partition, %error, "the database takes no writes; trying again");
        }
    }

    /// Waits before asking the database again. What is in hand is still in the stream, so that the order to
    /// stop can be followed at once.
    pub(super) async fn wait_for_database(
        &self,
        error: &StoreError,
        patience: &mut Backoff,
    ) -> Result<(), End> {
        self.database_is_down(error);
        tokio::select! {
            () = patience.wait() => Ok(()),
            () = self.office.life.stopping() => Err(End::Stopping),
        }
    }
}
