//! Who is typing: read and written with each batch, and looked through for what is due.
//!
//! Due by the clock of the database, the one clock all replicas share. Ends were counted from event times, which
//! are NATS's: as far as the two clocks differ, typing ends sooner or later.

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::sea_query::{
    DeleteStatement, Expr, ExprTrait, InsertStatement, OnConflict, Order, Query, SimpleExpr,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, QueryResult};
use shared::command::{Command, CommandId};
use shared::event::EventType;
use shared::id::{ChatId, EventId, UserId};
use shared::partition::Partition;

use super::rows::Rows;
use super::{Store, StoreError, part};
use crate::database::now_ms;
use crate::decide::{Place, Typing};
use crate::entity::typing::{Column, Entity};

/// Most rows looked at in one step.
const STEP_ROWS_MAX: u64 = 256;

/// What tells one typist from another.
const PLACE: [Column; 2] = [Column::ChatId, Column::UserId];

fn rows<'a>(places: impl IntoIterator<Item = &'a Place>) -> Rows<2> {
    places
        .into_iter()
        .map(|(chat, user)| [chat.get().into(), user.get().into()])
        .collect()
}

/// Whether a typist is one of these.
pub(super) fn one_of<'a>(
    db: &impl ConnectionTrait,
    places: impl IntoIterator<Item = &'a Place>,
) -> SimpleExpr {
    rows(places).contain(PLACE.map(Expr::col), db.get_database_backend())
}

/// Who is typing from now on. A chat that was removed meanwhile is a foreign key violation, hence a conflict.
pub(super) fn beginning(
    backend: DbBackend,
    partition: Partition,
    changes: &BTreeMap<Place, Option<Typing>>,
) -> Option<InsertStatement> {
    let rows: Rows<5> = changes
        .iter()
        .filter_map(|((chat, user), typing)| {
            typing.map(|typing| {
                [
                    chat.get().into(),
                    user.get().into(),
                    part(partition).into(),
                    typing.since.get().into(),
                    typing.ends_at_ms.into(),
                ]
            })
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let columns = [
        Column::ChatId,
        Column::UserId,
        Column::Part,
        Column::Since,
        Column::EndsAt,
    ];
    let mut insert = rows.insert::<Entity>(columns, backend);
    insert.on_conflict(
        OnConflict::columns(PLACE)
            .update_columns([Column::Since, Column::EndsAt])
            .to_owned(),
    );
    Some(insert)
}

/// Who is typing no more.
pub(super) fn ending(
    backend: DbBackend,
    changes: &BTreeMap<Place, Option<Typing>>,
) -> Option<DeleteStatement> {
    let places = changes
        .iter()
        .filter(|(_, typing)| typing.is_none())
        .map(|(place, _)| place);
    let places = rows(places);
    if places.is_empty() {
        return None;
    }
    let delete = Query::delete()
        .from_table(Entity)
        .and_where(places.contain(PLACE.map(Expr::col), backend))
        .take();
    Some(delete)
}

/// Begins typing, outside a batch.
pub(crate) async fn begin(
    db: &impl ConnectionTrait,
    partition: Partition,
    changes: &BTreeMap<Place, Option<Typing>>,
) -> Result<(), DbErr> {
    if let Some(insert) = beginning(db.get_database_backend(), partition, changes) {
        db.execute(&insert).await?;
    }
    Ok(())
}

/// Ends typing, outside a batch.
pub(crate) async fn end(
    db: &impl ConnectionTrait,
    changes: &BTreeMap<Place, Option<Typing>>,
) -> Result<(), DbErr> {
    if let Some(delete) = ending(db.get_database_backend(), changes) {
        db.execute(&delete).await?;
    }
    Ok(())
}

/// Typing whose end is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    ends_at_ms: i64,
    chat: ChatId,
    user: UserId,
    since: EventId,
}

impl Due {
    /// What ends it.
    pub fn command(&self) -> Command {
        Command {
            id: CommandId::stop_typing(self.since),
            kind: EventType::StopTyping,
            author_id: self.user,
            chat_id: self.chat,
            if_typing_since: Some(self.since),
        }
    }
}

/// What a look at the table came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// In order of their ends.
    pub due: Vec<Due>,
    /// What comes next.
    pub next: Next,
}

/// What comes after what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// More that is due: look again, after the last.
    More,
    /// Something that will be due by then.
    In(Duration),
    /// Nothing.
    Nothing,
}

impl Store {
    /// One step through what is due in a partition, after what was seen already.
    pub async fn due_typing(
        &self,
        partition: Partition,
        after: Option<Due>,
    ) -> Result<Look, StoreError> {
        let mut query = Query::select();
        query
            .columns([
                Column::EndsAt,
                Column::ChatId,
                Column::UserId,
                Column::Since,
            ])
            .expr(now_ms(self.db.get_database_backend()))
            .from(Entity)
            .and_where(Column::Part.eq(part(partition)))
            .order_by(Column::EndsAt, Order::Asc)
            .order_by(Column::ChatId, Order::Asc)
            .order_by(Column::UserId, Order::Asc)
            .limit(STEP_ROWS_MAX);
        if let Some(after) = after {
            let columns = [Column::EndsAt, Column::ChatId, Column::UserId];
            let values = [after.ends_at_ms, after.chat.get(), after.user.get()];
            query.and_where(
                Expr::tuple(columns.map(Expr::col)).gt(Expr::tuple(values.map(Expr::value))),
            );
        }
        super::bounded(async {
            let rows = self.db.query_all(&query).await?;
            Ok(look(&rows)?)
        })
        .await
    }
}

fn look(rows: &[QueryResult]) -> Result<Look, DbErr> {
    let mut due = Vec::new();
    for row in rows {
        let now: i64 = row.try_get_by_index(4)?;
        let ends_at_ms: i64 = row.try_get_by_index(0)?;
        if ends_at_ms > now {
            let wait = ends_at_ms.abs_diff(now);
            let next = Next::In(Duration::from_millis(wait));
            return Ok(Look { due, next });
        }
        due.push(Due {
            ends_at_ms,
            chat: id(row.try_get_by_index(1)?)?,
            user: id(row.try_get_by_index(2)?)?,
            since: id(row.try_get_by_index(3)?)?,
        });
    }
    let next = if due.len() as u64 == STEP_ROWS_MAX {
        Next::More
    } else {
        Next::Nothing
    };
    Ok(Look { due, next })
}

pub(super) fn id<T: TryFrom<i64, Error = shared::id::NotAnId>>(number: i64) -> Result<T, DbErr> {
    T::try_from(number).map_err(|error| DbErr::Type(error.to_string()))
}
