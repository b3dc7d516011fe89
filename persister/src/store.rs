//! One batch, one transaction: read, decide, write behind a fence, commit (design section 4.3, steps 4 to 6).
//!
//! Written once for PostgreSQL and SQLite, but for what the transaction spans. SQLite has one writer, who locks all
//! others out from before the reading. On PostgreSQL reading locks nothing, so it goes ahead of the transaction, which is
//! mostly the one statement that writes: two round trips for a batch. Nothing is cached between batches: other
//! partitions and `chats remove` change the same tables.

mod before;
mod error;
pub mod events;
pub mod lease;
pub mod lookup;
pub mod memberships;
pub mod prune;
pub mod retention;
pub mod rooms;
mod rows;
pub(crate) mod seats;
mod together;
pub mod typing;
mod write;

use std::future::Future;
use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, TransactionTrait,
};
use shared::command::CommandId;
use shared::partition::{Partition, PartitionCount};
use shared::policy::POLICY;

use crate::database::{IMMEDIATE, Place};
use crate::decide::{Before, Decision, Numbering, Terms, TypingLease, Wish, decide};

pub use error::{StoreError, TryAgain, is_sqlite_busy};
pub use lease::Lease;
pub use memberships::{CountryChanges, add_to_countries};
use write::Counting;

/// Longest wait for a whole transaction: a peer that vanished without closing its connection answers nothing.
const TRANSACTION_MAX: Duration = Duration::from_secs(10);

/// Whether to look up the outcome of every command in a batch beforehand, or only of those that may well have one.
///
/// Repetitions of a key are expected, and gateways say which commands they repeat. Others were mostly refused by NATS
/// already, and are found by the unique index or when a command is about to be rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskFor {
    /// Commands with a key, and repetitions.
    Likely,
    /// All of them.
    All,
}

/// The tables as the owner of a partition uses them.
#[derive(Debug, Clone)]
pub struct Store {
    db: DatabaseConnection,
    /// For batches on PostgreSQL; each clone has its own.
    held: Place,
    partitions: PartitionCount,
    lease_ttl: Duration,
    typing_lease: TypingLease,
    /// This replica's name in the lease rows.
    owner: String,
}

impl Store {
    /// A store for this replica.
    pub fn new(
        db: DatabaseConnection,
        partitions: PartitionCount,
        lease_ttl: Duration,
        typing_lease: TypingLease,
        owner: String,
    ) -> Self {
        Self {
            held: Place::new(&db),
            db,
            partitions,
            lease_ttl,
            typing_lease,
            owner,
        }
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> PartitionCount {
        self.partitions
    }

    /// How long a lease lasts.
    pub fn lease_ttl(&self) -> Duration {
        self.lease_ttl
    }

    /// How long typing lasts.
    pub fn typing_lease(&self) -> TypingLease {
        self.typing_lease
    }

    pub(crate) fn numbering(&self, lease: &Lease) -> Numbering {
        Numbering {
            partition: lease.partition,
            partitions: self.partitions,
        }
    }

    /// Carries out `wishes`, which begin at the lease's `next_seq`, and moves the lease behind them.
    /// Cancel safe: either all of it happens or nothing, and the lease is moved only after it did.
    pub async fn commit(
        &self,
        lease: &mut Lease,
        wishes: &[Wish],
        ask_for: AskFor,
    ) -> Result<Decision, StoreError> {
        let moved = lease.behind(wishes);
        let decision = if self.db.get_database_backend() == DbBackend::Postgres {
            let held = bounded(async { Ok(self.held.take(&self.db).await?) }).await?;
            // What is read is held by nothing but the fence, in a transaction or not.
            let decision = bounded(self.decide(&held, lease, wishes, ask_for)).await?;
            // After a conflict, which may have been about a count, those are changed as they are found.
            if write::is_one_statement(&decision) && ask_for == AskFor::Likely {
                let written = self.write(&held, lease, &moved, &decision, Counting::Together);
                let written = bounded(written).await;
                if written.is_ok() {
                    self.held.put(held);
                }
                self.unless_done(written, &moved).await?;
            } else {
                // The transaction takes a connection too. Nobody waits for one with another in hand.
                self.held.put(held);
                let write = async |transaction: &DatabaseTransaction| {
                    self.write(transaction, lease, &moved, &decision, Counting::Apart)
                        .await
                };
                self.within_transaction(&moved, write).await?;
            }
            decision
        } else {
            let decide_and_write = async |transaction: &DatabaseTransaction| {
                let decision = self.decide(transaction, lease, wishes, ask_for).await?;
                self.write(transaction, lease, &moved, &decision, Counting::Apart)
                    .await?;
                Ok(decision)
            };
            self.within_transaction(&moved, decide_and_write).await?
        };
        *lease = moved;
        Ok(decision)
    }

    /// Whether `wishes` could be carried out. Nothing of it is kept.
    pub async fn rehearse(&self, lease: &Lease, wishes: &[Wish]) -> Result<(), StoreError> {
        bounded(async {
            let transaction = self.db.begin_with_options(IMMEDIATE).await?;
            let rehearsed = async {
                let decision = self
                    .decide(&transaction, lease, wishes, AskFor::All)
                    .await?;
                let moved = lease.behind(wishes);
                self.write(&transaction, lease, &moved, &decision, Counting::Apart)
                    .await
            };
            let rehearsed = rehearsed.await;
            transaction.rollback().await?;
            rehearsed
        })
        .await
    }

    async fn within_transaction<T>(
        &self,
        moved: &Lease,
        work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let all = async {
            let transaction = self.db.begin_with_options(IMMEDIATE).await?;
            match work(&transaction).await {
                Ok(result) => Ok((transaction, result)),
                Err(error) => {
                    // Also done when the transaction is dropped, but then nobody waits for it, and the
                    // next attempt finds the only connection of SQLite still busy.
                    let _ = transaction.rollback().await;
                    Err(error)
                }
            }
        };
        let (transaction, result) = bounded(all).await?;
        let committed = bounded(async { Ok(transaction.commit().await?) }).await;
        self.unless_done(committed, moved).await?;
        Ok(result)
    }

    /// What a commit came to. One that got no answer has neither failed nor succeeded: only the row knows.
    async fn unless_done(
        &self,
        committed: Result<(), StoreError>,
        moved: &Lease,
    ) -> Result<(), StoreError> {
        match committed {
            Err(StoreError::TryAgain(TryAgain::Unavailable, _)) if self.is_at(moved).await? => {
                Ok(())
            }
            committed => committed,
        }
    }

    async fn decide(
        &self,
        db: &impl ConnectionTrait,
        lease: &Lease,
        wishes: &[Wish],
        ask_for: AskFor,
    ) -> Result<Decision, StoreError> {
        let mut before = before::read(db, wishes).await?;
        let asked = wishes.iter().filter(|wish| match ask_for {
            AskFor::Likely => wish.is_repetition || wish.id.is_some_and(CommandId::is_keyed),
            AskFor::All => true,
        });
        let asked = asked.filter_map(|wish| wish.id).collect();
        before.ask(db, asked).await?;
        let terms = Terms {
            from: lease.carried_out(),
            numbering: self.numbering(lease),
            typing_lease: self.typing_lease,
            policy: POLICY,
            now: shared::clock::now(),
            carried_out_once: lease.carried_out_once,
        };
        let mut decision = decide(wishes, &before, &terms);
        if !decision.suspects.is_empty() {
            // Who is about to be told "already joined" may be hearing of their own first attempt. Each pass
            // may change the members and bring up others, so ask for all of them at once.
            let all = wishes.iter().filter_map(|wish| wish.id).collect();
            before.ask(db, all).await?;
            decision = decide(wishes, &before, &terms);
        }
        Ok(decision)
    }

    async fn write(
        &self,
        db: &impl ConnectionTrait,
        lease: &Lease,
        moved: &Lease,
        decision: &Decision,
        counting: Counting,
    ) -> Result<(), StoreError> {
        let fence = self.fence(lease, moved);
        write::decision(db, lease.partition, fence, decision, counting).await
    }
}

impl Before {
    async fn ask(&mut self, db: &impl ConnectionTrait, ids: Vec<CommandId>) -> Result<(), DbErr> {
        self.known.extend(lookup::outcomes(db, &ids).await?);
        self.asked.extend(ids);
        Ok(())
    }
}

/// Waits no longer than [`TRANSACTION_MAX`].
async fn bounded<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(TRANSACTION_MAX, work).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::no_answer()),
    }
}

/// The row number of a partition.
fn part(partition: Partition) -> i16 {
    i16::try_from(partition.get()).expect("there are at most 64 partitions")
}
