//! Table `cmd_partitions`: who may carry out the commands of a partition, and how far they are carried out.
//!
//! The lease (`lease_until`) is for liveness only. Safety comes from `epoch` and `next_seq`: every transaction
//! changes the row only where both are still what its writer believes.

use sea_orm::entity::prelude::*;

use crate::decide::Mark;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cmd_partitions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: i16,
    /// Grows with every change of owner.
    pub epoch: i64,
    /// The replica that holds or last held the lease.
    pub owner: String,
    /// In milliseconds since 1970 by the clock of the database; 0 when given back.
    pub lease_until: i64,
    /// Added to the sequence of a message before event ids are made of it; raised behind a message with several
    /// commands, and when the sequence starts again.
    pub id_base: i64,
    /// Sequence of the next message to carry out.
    pub next_seq: i64,
    /// Everything up to this sequence is published too.
    pub published_seq: i64,
    /// What `id_base` was behind `published_seq`, or less: what is published may be looked at again.
    pub published_id_base: i64,
    /// Id of the message at `next_seq - 1`, by which a stream that was wiped and refilled is recognised.
    pub last_command_id: Option<Uuid>,
}

impl Model {
    /// Everything before this is published.
    pub fn published(&self) -> Mark {
        Mark {
            seq: self.published_seq,
            id_base: self.published_id_base,
        }
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
