//! The number of partitions, fixed at first start.
//!
//! A chat's partition and an event's id both depend on it: with another number, chats would change streams
//! with commands still waiting in the old ones, and ids could repeat (design, pitfall 12).

use sea_orm::{DatabaseConnection, DbErr, EntityTrait, PaginatorTrait, Set};
use shared::partition::PartitionCount;

use crate::entity::cmd_partition;

/// Why this number of partitions cannot be.
#[derive(Debug, thiserror::Error)]
pub enum WrongPartitionCount {
    /// The database was set up for another number.
    #[error(
        "this database was set up for {stored} partitions; start with --partitions {stored} (asked for: {asked})"
    )]
    Other {
        /// What it was set up for.
        stored: u64,
        /// What was asked for.
        asked: PartitionCount,
    },
    /// It could not be asked.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Sets the database up for this many partitions, or checks that it is.
pub async fn fix_partitions(
    db: &DatabaseConnection,
    count: PartitionCount,
) -> Result<(), WrongPartitionCount> {
    // Exclusive, because another persister may be starting for the first time too.
    let transaction = super::exclusive(db).await?;
    let mut stored = cmd_partition::Entity::find().count(&transaction).await?;
    if stored == 0 {
        let rows = count.all().map(|partition| cmd_partition::ActiveModel {
            part: Set(i16::try_from(partition.get()).expect("there are at most 64 partitions")),
            epoch: Set(0),
            owner: Set(String::new()),
            lease_until: Set(0),
            id_base: Set(0),
            next_seq: Set(1),
            published_seq: Set(0),
            published_id_base: Set(0),
            last_command_id: Set(None),
        });
        stored = cmd_partition::Entity::insert_many(rows)
            .exec_without_returning(&transaction)
            .await?;
    }
    transaction.commit().await?;
    if stored == u64::from(count.get()) {
        Ok(())
    } else {
        Err(WrongPartitionCount::Other {
            stored,
            asked: count,
        })
    }
}
