//! Owning every partition for the time of an import, and the ids of what comes after it.
//!
//! The lease keeps persisters out as it keeps them from each other, and runs out by itself if the import dies.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    QueryFilter, QueryOrder, TransactionTrait,
};
use shared::partition::PartitionCount;
use uuid::Uuid;

use crate::database::{IMMEDIATE, now_ms};
use crate::entity::cmd_partition::{Column, Entity, Model};

/// How long a silent import keeps the partitions. Longer than any of its transactions may take.
const LEASE_TTL: Duration = Duration::from_secs(15);

/// All partitions, owned.
#[derive(Debug)]
pub struct Claim {
    owner: String,
    partitions: PartitionCount,
    /// New events get ids above this.
    pub ids_above: i64,
}

impl Claim {
    /// Takes every partition, and sees to it that new ids are above `last_event`.
    ///
    /// # Errors
    /// When a persister is running, or has carried out commands already.
    pub async fn take(
        db: &DatabaseConnection,
        partitions: PartitionCount,
        last_event: i64,
    ) -> anyhow::Result<Self> {
        let owner = format!("import-{}", Uuid::now_v7());
        let transaction = db.begin_with_options(IMMEDIATE).await?;
        let rows = stored(&transaction).await?;
        none_carried_out(&rows)?;
        let backend = transaction.get_database_backend();
        let taken = Entity::update_many()
            .col_expr(Column::Owner, Expr::value(owner.clone()))
            // Whoever believes to be the owner finds out.
            .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1_i64))
            .col_expr(Column::LeaseUntil, now_ms(backend).add(ttl_ms()))
            .filter(Expr::col(Column::LeaseUntil).lt(now_ms(backend)))
            .exec(&transaction)
            .await?
            .rows_affected;
        anyhow::ensure!(taken == u64::from(partitions.get()), "{}", held(&rows));
        let base = base_above(last_event, partitions);
        Entity::update_many()
            .col_expr(Column::IdBase, Expr::value(base))
            .col_expr(Column::PublishedIdBase, Expr::value(base))
            .filter(Column::IdBase.lt(base))
            .exec(&transaction)
            .await?;
        let raised = stored(&transaction).await?;
        transaction.commit().await?;
        Ok(Self {
            owner,
            partitions,
            ids_above: ids_above(&raised, base, partitions),
        })
    }

    /// First statement of every transaction: keeps the partitions for another term, or finds that they are lost.
    pub async fn renew(&self, transaction: &DatabaseTransaction) -> anyhow::Result<()> {
        let end = now_ms(transaction.get_database_backend()).add(ttl_ms());
        let kept = Entity::update_many()
            .col_expr(Column::LeaseUntil, end)
            .filter(Column::Owner.eq(self.owner.as_str()))
            .exec(transaction)
            .await?
            .rows_affected;
        anyhow::ensure!(
            kept == u64::from(self.partitions.get()),
            "a persister or another import has taken a partition meanwhile; stop it and import again"
        );
        Ok(())
    }

    /// Gives everything back, for persisters to take at once.
    pub async fn release(&self, db: &DatabaseConnection) -> anyhow::Result<()> {
        Entity::update_many()
            .col_expr(Column::LeaseUntil, Expr::value(0_i64))
            .filter(Column::Owner.eq(self.owner.as_str()))
            .exec(db)
            .await?;
        Ok(())
    }
}

/// Whether an import could begin, and what new ids would be above: what [`Claim::take`] would say, and
/// [`crate::database::fix_partitions`] before it.
pub async fn could_claim(
    db: &DatabaseConnection,
    partitions: PartitionCount,
    last_event: i64,
) -> anyhow::Result<i64> {
    let rows = stored(db).await?;
    anyhow::ensure!(
        rows.is_empty() || rows.len() == usize::from(partitions.get()),
        "this database was set up for {} partitions; import with --partitions {0}",
        rows.len()
    );
    none_carried_out(&rows)?;
    let base = base_above(last_event, partitions);
    Ok(ids_above(&rows, base, partitions))
}

/// What new ids are above when no base is below `base`; one may have been higher already.
fn ids_above(rows: &[Model], base: i64, partitions: PartitionCount) -> i64 {
    let bases = rows.iter().map(|row| row.id_base);
    let lowest = bases.min().map_or(base, |lowest| Ord::max(lowest, base));
    (lowest + 1) * i64::from(partitions.get()) - 1
}

/// The base of ids from which on every new one is above `last_event`, whatever its partition: sequences start at 1,
/// and `(base + 1) * partitions` is above it.
pub fn base_above(last_event: i64, partitions: PartitionCount) -> i64 {
    match last_event {
        0 => 0,
        last => last / i64::from(partitions.get()) + 1,
    }
}

async fn stored(db: &impl ConnectionTrait) -> anyhow::Result<Vec<Model>> {
    Ok(Entity::find().order_by_asc(Column::Part).all(db).await?)
}

fn none_carried_out(rows: &[Model]) -> anyhow::Result<()> {
    let used = rows.iter().find(|row| row.next_seq > 1);
    anyhow::ensure!(
        used.is_none(),
        "this database has carried out commands already; an import comes before the first of them"
    );
    Ok(())
}

fn held(rows: &[Model]) -> String {
    let now_holding = rows.iter().find(|row| row.lease_until > 0);
    let holder = now_holding.map_or("somebody", |row| row.owner.as_str());
    format!(
        "{holder} owns partitions of this database: stop every persister first (what was killed lets go after {LEASE_TTL:?} at the latest)"
    )
}

fn ttl_ms() -> i64 {
    i64::try_from(LEASE_TTL.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decide::{Mark, Numbering};
    use crate::import::check::EVENT_ID_MAX;

    proptest! {
        #[test]
        fn every_new_id_is_above_all_imported_ones(
            last in 1..=EVENT_ID_MAX,
            (count, partition) in (1..=PartitionCount::MAX).prop_flat_map(|n| (Just(n), 0..n)),
        ) {
            let partitions: PartitionCount = count.try_into().unwrap();
            let numbering = Numbering {
                partition: shared::partition::Partition::new(partition),
                partitions,
            };
            let begin = Mark { seq: 0, id_base: base_above(last, partitions) };
            let first = numbering.event_id(begin.number() + 1).get();
            prop_assert!(first > last);
            prop_assert!(first < (1 << 53), "JavaScript can count it");
        }
    }
}
