//! How many persisters share the work, and how many partitions this one may therefore own.
//!
//! Each replica writes its row in `persister_replicas` again and again; the rows seen lately are the fleet. A
//! fair share is `ceil(partitions / replicas)`: who owns less may take, who owns more gives back, one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
};
use shared::metric;
use shared::partition::PartitionCount;

use crate::database::now_ms;
use crate::entity::persister_replica::{Column, Entity};

/// After this many leases without a word a replica is gone.
const SILENCE_LEASES_MAX: i64 = 3;

/// After this long its row is removed: well after it stopped to count.
const ROW_KEPT_MS: i64 = 60_000;

/// Cheap handle to this replica's place in the fleet.
#[derive(Debug, Clone)]
pub struct Fleet {
    db: DatabaseConnection,
    replica: String,
    lease_ttl: Duration,
    partitions: usize,
    share: Arc<AtomicUsize>,
    owned: Arc<AtomicUsize>,
    database_up: Arc<AtomicBool>,
}

/// The right to own one partition; given back when dropped.
#[derive(Debug)]
pub struct Claim {
    owned: Arc<AtomicUsize>,
    counted: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.counted {
            self.owned.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Fleet {
    /// The fleet as `replica` sees it, with a share of nothing until [`Self::report`] has succeeded.
    pub fn new(
        db: DatabaseConnection,
        replica: String,
        lease_ttl: Duration,
        partitions: PartitionCount,
    ) -> Self {
        Self {
            db,
            replica,
            lease_ttl,
            partitions: usize::from(partitions.get()),
            share: Arc::default(),
            owned: Arc::default(),
            database_up: Arc::default(),
        }
    }

    /// Says that this replica lives, and counts the others.
    pub async fn report(&self) -> Result<(), DbErr> {
        let result = self.count_replicas().await;
        self.database_up.store(result.is_ok(), Ordering::Release);
        let replicas = result?.max(1);
        let share = self.partitions.div_ceil(replicas);
        if self.share.swap(share, Ordering::AcqRel) != share {
            tracing::info!(replicas, share, "the fleet has changed");
        }
        Ok(())
    }

    /// How long a lease lasts; a replica reports several times within it.
    pub fn lease_ttl(&self) -> Duration {
        self.lease_ttl
    }

    /// Whether the database answered last time.
    pub fn is_database_up(&self) -> bool {
        self.database_up.load(Ordering::Acquire)
    }

    /// Leaves the fleet at once, so that the others take over without waiting.
    pub async fn leave(&self) -> Result<(), DbErr> {
        Entity::delete_by_id(self.replica.clone())
            .exec(&self.db)
            .await?;
        Ok(())
    }

    /// Takes the right to own one more partition, if the share is not used up.
    pub fn claim(&self) -> Option<Claim> {
        let share = self.share.load(Ordering::Acquire);
        self.owned
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |owned| {
                (owned < share).then_some(owned + 1)
            })
            .ok()
            .map(|_| Claim {
                owned: Arc::clone(&self.owned),
                counted: true,
            })
    }

    /// Gives `claim` back if this replica owns more than its share; of several that ask at once, only as many
    /// as needed succeed.
    pub fn give_back_excess(&self, claim: &mut Claim) -> bool {
        let share = self.share.load(Ordering::Acquire);
        let excess = claim.counted
            && self
                .owned
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |owned| {
                    (owned > share).then(|| owned - 1)
                })
                .is_ok();
        if excess {
            claim.counted = false;
        }
        excess
    }

    /// Number of partitions owned, for the metric.
    pub fn show(&self) {
        #[expect(clippy::cast_precision_loss, reason = "at most 64")]
        metrics::gauge!(metric::PARTITIONS_OWNED).set(self.owned.load(Ordering::Acquire) as f64);
    }

    async fn count_replicas(&self) -> Result<usize, DbErr> {
        let now = || now_ms(self.db.get_database_backend());
        // The query builder of entities takes values only; the time of the database is an expression.
        let mut seen = Query::insert();
        seen.into_table(Entity)
            .columns([Column::Id, Column::SeenAt])
            .values_panic([Expr::value(self.replica.clone()), now()])
            .on_conflict(
                OnConflict::column(Column::Id)
                    .update_column(Column::SeenAt)
                    .to_owned(),
            );
        self.db.execute(&seen).await?;
        Entity::delete_many()
            .filter(Expr::col(Column::SeenAt).lt(now().sub(ROW_KEPT_MS)))
            .exec(&self.db)
            .await?;
        let ttl_ms = i64::try_from(self.lease_ttl.as_millis()).unwrap_or(i64::MAX);
        let silent = ttl_ms.saturating_mul(SILENCE_LEASES_MAX);
        let alive = Entity::find()
            .filter(Expr::col(Column::SeenAt).gt(now().sub(silent)))
            .count(&self.db)
            .await?;
        Ok(usize::try_from(alive).unwrap_or(usize::MAX))
    }
}
