//! The row of a partition: its lease, and how far its commands are carried out.
//!
//! Time is asked of the database alone. The lease decides who may begin; what keeps two owners apart is that
//! every change of the row names the epoch and the `next_seq` it starts from.

use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr, UpdateStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryTrait, UpdateMany};
use shared::command::CommandId;
use shared::partition::Partition;
use uuid::Uuid;

use super::{Store, StoreError, part};
use crate::database::now_ms;
use crate::decide::{Mark, Wish};
use crate::entity::cmd_partition::{Column, Entity, Model};

/// What the owner of a partition knows about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Of which partition.
    pub partition: Partition,
    /// This ownership among all there have been.
    pub epoch: i64,
    /// See [`Mark::id_base`], of the message at `next_seq`.
    pub id_base: i64,
    /// Sequence of the next message to carry out.
    pub next_seq: i64,
    /// Everything before this is published; stored with the next change of the row.
    pub published: Mark,
    /// Id of the message at `next_seq - 1`, if it has one.
    pub last_command_id: Option<CommandId>,
    /// Everything up to the command of this number was carried out once, whatever the database says. Not stored: the
    /// event stream tells.
    pub carried_out_once: i64,
}

impl Lease {
    fn of(row: &Model, partition: Partition) -> Self {
        Self {
            partition,
            epoch: row.epoch,
            id_base: row.id_base,
            next_seq: row.next_seq,
            published: row.published(),
            last_command_id: row.last_command_id.map(CommandId::from),
            carried_out_once: 0,
        }
    }

    /// Everything before this is carried out.
    pub fn carried_out(&self) -> Mark {
        Mark {
            seq: self.next_seq - 1,
            id_base: self.id_base,
        }
    }

    /// This lease once `wishes`, which are whole messages, are carried out.
    pub(super) fn behind(&self, wishes: &[Wish]) -> Self {
        let mut moved = self.clone();
        let Mark { seq, id_base } = wishes.iter().fold(self.carried_out(), Mark::behind);
        moved.id_base = id_base;
        moved.next_seq = seq + 1;
        if let Some(last) = wishes.last() {
            moved.last_command_id = last.message_id;
        }
        moved
    }
}

impl Store {
    /// Takes a partition whose lease has run out, was given back, or is this replica's own: it does not ask
    /// for what it is using, so it has dropped it and need not wait.
    pub async fn acquire(&self, partition: Partition) -> Result<Option<Lease>, StoreError> {
        super::bounded(async {
            let now = now_ms(self.db.get_database_backend());
            let rows = Entity::update_many()
                .col_expr(Column::Owner, Expr::value(self.owner.clone()))
                .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1_i64))
                .col_expr(Column::LeaseUntil, self.lease_end())
                .filter(Column::Part.eq(part(partition)))
                .filter(
                    Expr::col(Column::LeaseUntil)
                        .lt(now)
                        .or(Column::Owner.eq(self.owner.as_str())),
                )
                .exec_with_returning(&self.db)
                .await?;
            Ok(rows.first().map(|row| Lease::of(row, partition)))
        })
        .await
    }

    /// Keeps a partition for another term and stores what was published. Over the connection for batches where there is
    /// one, so that it is never idle for long, and one that has died is noticed before a batch needs it.
    pub async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let update = moving(lease, lease, self.lease_end());
        super::bounded(async {
            let rows = match self.held.take_kept() {
                Some(held) => {
                    let rows = update.exec(&held).await?.rows_affected;
                    self.held.put(held);
                    rows
                }
                None => update.exec(&self.db).await?.rows_affected,
            };
            expect_one(rows)
        })
        .await
    }

    /// Gives a partition back, for anybody to take at once.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let update = moving(lease, lease, Expr::value(0_i64));
        super::bounded(async { expect_one(update.exec(&self.db).await?.rows_affected) }).await
    }

    /// Starts again with a stream whose sequences begin at `first_seq`: raises the base of the ids so that
    /// they go on growing. Everything stored so far counts as published.
    pub async fn restart(&self, lease: &mut Lease, first_seq: i64) -> Result<(), StoreError> {
        let mut moved = lease.clone();
        moved.id_base += lease.next_seq - first_seq;
        moved.next_seq = first_seq;
        moved.published = moved.carried_out();
        moved.last_command_id = None;
        let update = moving(lease, &moved, self.lease_end());
        super::bounded(async { expect_one(update.exec(&self.db).await?.rows_affected) }).await?;
        *lease = moved;
        Ok(())
    }

    /// Moves the row, if this replica is still the owner: the change that goes with every batch.
    pub(super) fn fence(&self, lease: &Lease, moved: &Lease) -> UpdateStatement {
        moving(lease, moved, self.lease_end()).into_query()
    }

    /// Whether the row stands where `lease` says. For a COMMIT that nobody answered.
    pub(super) async fn is_at(&self, lease: &Lease) -> Result<bool, StoreError> {
        let row = super::bounded(async {
            Ok(Entity::find_by_id(part(lease.partition))
                .one(&self.db)
                .await?)
        })
        .await?;
        Ok(row.is_some_and(|row| row.epoch == lease.epoch && row.next_seq == lease.next_seq))
    }

    fn lease_end(&self) -> SimpleExpr {
        let ttl_ms = i64::try_from(self.lease_ttl.as_millis()).unwrap_or(i64::MAX);
        now_ms(self.db.get_database_backend()).add(ttl_ms)
    }
}

/// A change of the row that only its owner can make, from what the owner believes.
fn moving(from: &Lease, to: &Lease, lease_end: SimpleExpr) -> UpdateMany<Entity> {
    let last = to.last_command_id.map(CommandId::uuid);
    Entity::update_many()
        .col_expr(Column::NextSeq, Expr::value(to.next_seq))
        .col_expr(Column::IdBase, Expr::value(to.id_base))
        .col_expr(Column::PublishedSeq, Expr::value(to.published.seq))
        .col_expr(Column::PublishedIdBase, Expr::value(to.published.id_base))
        .col_expr(Column::LastCommandId, Expr::value::<Option<Uuid>>(last))
        .col_expr(Column::LeaseUntil, lease_end)
        .filter(Column::Part.eq(part(from.partition)))
        .filter(Column::Epoch.eq(from.epoch))
        .filter(Column::NextSeq.eq(from.next_seq))
}

fn expect_one(rows: u64) -> Result<(), StoreError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(StoreError::Fenced)
    }
}
