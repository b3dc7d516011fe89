//! Prunes old events, one small step at a time.
//!
//! In order of id, which in a partition is the order of time, from where the step before ended. That place is
//! stored, so that no step reads again what is kept for ever. Two replicas that prune the same partition for a
//! moment do no harm: rows are removed once, and both numbers stored here only grow.

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IdenStatic, QueryFilter, QueryOrder,
    QuerySelect, Set, TransactionTrait,
};
use shared::clock::Timestamp;
use shared::event::EventType;
use shared::partition::Partition;

use super::{Store, StoreError, part};
use crate::database::{IMMEDIATE, now_ms};
use crate::entity::{cmd_partition, event, pruned_history, pruning};
use crate::retention::Class;

/// Most events looked at in one step: a few milliseconds, so that no batch waits long behind it.
pub const STEP_EVENTS_MAX: u64 = 500;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Events removed.
    pub pruned: u64,
    /// Whether there may be more to do.
    pub more: bool,
}

/// What a step has found.
#[derive(Debug, Default)]
struct Found {
    /// Events to remove.
    ids: Vec<i64>,
    /// The largest of them in each chat.
    through: BTreeMap<i64, i64>,
    /// The last event looked at and found old.
    last: Option<i64>,
    looked_at: u64,
}

/// Up to which event the history of a chat is pruned; 0 when it is whole.
pub async fn pruned_through(
    db: &impl ConnectionTrait,
    chat: shared::id::ChatId,
) -> Result<i64, DbErr> {
    let row = pruned_history::Entity::find_by_id(chat.get())
        .one(db)
        .await?;
    Ok(row.map_or(0, |row| row.through))
}

impl Store {
    /// Removes some events of one class that are older than `keep`, and remembers of which chats.
    pub async fn prune(
        &self,
        partition: Partition,
        class: Class,
        keep: Duration,
    ) -> Result<Step, StoreError> {
        super::bounded(async {
            let found = self.find_old(partition, class, keep).await?;
            let Some(last) = found.last else {
                return Ok(Step {
                    pruned: 0,
                    more: false,
                });
            };
            let transaction = self.db.begin_with_options(IMMEDIATE).await?;
            let mut pruned = 0;
            if !found.ids.is_empty() {
                pruned = event::Entity::delete_many()
                    .filter(event::Column::Id.is_in(found.ids))
                    .exec(&transaction)
                    .await?
                    .rows_affected;
                remember(&transaction, found.through).await?;
            }
            go_on_after(&transaction, partition, class, last).await?;
            transaction.commit().await?;
            Ok(Step {
                pruned,
                more: found.looked_at == STEP_EVENTS_MAX,
            })
        })
        .await
    }

    /// Outside of the transaction that removes: what is old stays old.
    async fn find_old(
        &self,
        partition: Partition,
        class: Class,
        keep: Duration,
    ) -> Result<Found, DbErr> {
        let mut found = Found::default();
        let row = cmd_partition::Entity::find_by_id(part(partition))
            .one(&self.db)
            .await?;
        let Some(row) = row else {
            return Ok(found);
        };
        let partitions = i64::from(self.partitions.get());
        // Whatever is not surely published stays: the next owner may have to publish it again.
        let published = row.published().number() * partitions + i64::from(row.part);
        let pruned = pruning::Entity::find_by_id((part(partition), class.number()))
            .one(&self.db)
            .await?;
        let events: Vec<(i64, i64, i16, sea_orm::prelude::DateTimeUtc)> = event::Entity::find()
            .select_only()
            .columns([event::Column::Id, event::Column::ChatId])
            .columns([event::Column::EventType, event::Column::EventTime])
            .filter(event::Column::Id.gt(pruned.map_or(0, |row| row.through)))
            .filter(event::Column::Id.lte(published))
            .filter(
                Expr::col(event::Column::Id)
                    .modulo(partitions)
                    .eq(i64::from(partition.get())),
            )
            .order_by_asc(event::Column::Id)
            .limit(STEP_EVENTS_MAX)
            .into_tuple()
            .all(&self.db)
            .await?;
        let horizon = self.horizon(keep).await?;
        for (id, chat, kind, time) in events {
            if Timestamp::from_micros(time.timestamp_micros()) >= horizon {
                break;
            }
            found.last = Some(id);
            found.looked_at += 1;
            if EventType::from_code(kind).map(Class::of) == Some(class) {
                found.ids.push(id);
                found.through.insert(chat, id);
            }
        }
        Ok(found)
    }

    /// The time before which events are old, by the clock of the database.
    async fn horizon(&self, keep: Duration) -> Result<Timestamp, DbErr> {
        let now = Query::select()
            .expr(now_ms(self.db.get_database_backend()))
            .take();
        let row = self.db.query_one(&now).await?;
        let now: i64 = row
            .ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?
            .try_get_by_index(0)?;
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        Ok(Timestamp::from_micros(
            now.saturating_sub(keep_ms).saturating_mul(1_000),
        ))
    }
}

/// Which histories are complete from where on only.
async fn remember(db: &impl ConnectionTrait, through: BTreeMap<i64, i64>) -> Result<(), DbErr> {
    use pruned_history::Column;
    let rows = through
        .into_iter()
        .map(|(chat, through)| pruned_history::ActiveModel {
            chat_id: Set(chat),
            through: Set(through),
        });
    pruned_history::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(Column::ChatId)
                .value(
                    Column::Through,
                    larger("pruned_histories", Column::Through.as_str()),
                )
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Where the next step begins.
async fn go_on_after(
    db: &impl ConnectionTrait,
    partition: Partition,
    class: Class,
    through: i64,
) -> Result<(), DbErr> {
    use pruning::Column;
    let row = pruning::ActiveModel {
        part: Set(part(partition)),
        class: Set(class.number()),
        through: Set(through),
    };
    pruning::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([Column::Part, Column::Class])
                .value(
                    Column::Through,
                    larger("prunings", Column::Through.as_str()),
                )
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Of the number there is and the one to be inserted. `GREATEST` and `max` are not the same in both databases.
fn larger(table: &'static str, column: &'static str) -> SimpleExpr {
    let (new, old) = (
        || Expr::col(("excluded", column)),
        || Expr::col((table, column)),
    );
    Expr::case(new().gt(old()), new()).finally(old()).into()
}
