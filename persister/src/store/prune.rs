//! Forgets rejections that nobody can ask about any more.

use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};
use shared::clock::Timestamp;

use crate::database::now_ms;
use crate::entity::cmd_rejection::{Column, Entity};
use crate::retention::IDEMPOTENCY_WINDOW;

/// Most rows removed at a time, so that no batch waits long behind it.
const ROWS_MAX: u64 = 1_000;

/// Removes what is too old, a little at a time.
pub async fn rejections(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let now = Query::select()
        .expr(now_ms(db.get_database_backend()))
        .take();
    let now: i64 = db
        .query_one(&now)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?
        .try_get_by_index(0)?;
    let kept_ms = i64::try_from(IDEMPOTENCY_WINDOW.as_millis()).unwrap_or(i64::MAX);
    let oldest_kept = Timestamp::from_micros((now - kept_ms) * 1_000).to_utc();
    loop {
        let some = Entity::find()
            .select_only()
            .column(Column::CommandId)
            .filter(Column::RejectedAt.lt(oldest_kept))
            .limit(ROWS_MAX)
            .into_query();
        let removed = Entity::delete_many()
            .filter(Column::CommandId.in_subquery(some))
            .exec(db)
            .await?
            .rows_affected;
        if removed < ROWS_MAX {
            return Ok(());
        }
    }
}
