//! Stored events, read back.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;
use shared::event::{ChatEvent, EventType};
use shared::id::ChatId;
use shared::query::ChainedEvent;

use super::{Lease, Store, StoreError};
use crate::entity::event::{Column, Entity, Model};

/// Most events read at a time.
pub const PAGE_EVENTS_MAX: u64 = 500;

/// A page of a chat's events after `after`, in order of id.
pub async fn after(
    db: &impl ConnectionTrait,
    chat: ChatId,
    after: i64,
    limit: u64,
) -> Result<Vec<ChainedEvent>, DbErr> {
    Entity::find()
        .filter(Column::ChatId.eq(chat.get()))
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await?
        .iter()
        .map(read)
        .collect()
}

impl Store {
    /// A page of the events of a partition that are stored and perhaps not published, after the one that the
    /// command of this number caused.
    pub(crate) async fn unpublished(
        &self,
        lease: &Lease,
        after: i64,
    ) -> Result<Vec<ChainedEvent>, StoreError> {
        let numbering = self.numbering(lease);
        let partitions = i64::from(self.partitions.get());
        let query = Entity::find()
            .filter(Column::Id.gte(numbering.event_id(after + 1).get()))
            .filter(Column::Id.lt(numbering.event_id(lease.carried_out().number() + 1).get()))
            .filter(
                Expr::col(Column::Id)
                    .modulo(partitions)
                    .eq(i64::from(lease.partition.get())),
            )
            .order_by_asc(Column::Id)
            .limit(PAGE_EVENTS_MAX);
        super::bounded(async {
            let rows = query.all(&self.db).await?;
            Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Number of the command that caused this event.
    pub(crate) fn number(&self, lease: &Lease, event: &ChatEvent) -> i64 {
        self.numbering(lease)
            .number(event.id)
            .expect("only events of this partition are asked for")
    }
}

fn read(row: &Model) -> Result<ChainedEvent, DbErr> {
    let unreadable = |what: &str| DbErr::Type(format!("event {} has {what}", row.id));
    Ok(ChainedEvent {
        previous_id: row.previous_id,
        event: ChatEvent {
            id: row.id.try_into().map_err(|_| unreadable("no id"))?,
            author_id: row
                .author_id
                .try_into()
                .map_err(|_| unreadable("no author"))?,
            chat_id: row.chat_id.try_into().map_err(|_| unreadable("no chat"))?,
            event_type: EventType::from_code(row.event_type)
                .ok_or_else(|| unreadable("an unknown type"))?,
            event_time: Timestamp::from_micros(row.event_time.timestamp_micros()),
        },
    })
}
