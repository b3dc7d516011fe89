//! What became of commands, by their ids: an event, a rejection, or nothing yet.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use shared::command::{CommandId, Outcome};
use shared::error_code::ErrorCode;
use shared::id::EventId;
use uuid::Uuid;

use super::rows::Rows;
use super::{Store, StoreError};
use crate::entity::{cmd_rejection, event};

impl Store {
    /// Outcomes of those commands that have one.
    pub(crate) async fn outcomes(
        &self,
        ids: &[CommandId],
    ) -> Result<HashMap<CommandId, Outcome>, StoreError> {
        super::bounded(async { Ok(outcomes(&self.db, ids).await?) }).await
    }
}

/// Outcomes of those commands that have one. The caller bounds the number of ids.
pub async fn outcomes(
    db: &impl ConnectionTrait,
    ids: &[CommandId],
) -> Result<HashMap<CommandId, Outcome>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = db.get_database_backend();
    let among = |column| {
        let ids: Rows<1> = ids.iter().map(|id| [id.uuid().into()]).collect();
        ids.contain([column], backend)
    };
    let events: Vec<(Uuid, i64)> = event::Entity::find()
        .select_only()
        .columns([event::Column::CommandId, event::Column::Id])
        .filter(among(Expr::col(event::Column::CommandId)))
        .into_tuple()
        .all(db)
        .await?;
    let rejections = cmd_rejection::Entity::find()
        .filter(among(Expr::col(cmd_rejection::Column::CommandId)))
        .all(db)
        .await?;
    let mut outcomes = HashMap::with_capacity(events.len() + rejections.len());
    for row in rejections {
        let code = ErrorCode::from_number(row.code)
            .ok_or_else(|| DbErr::Type(format!("unknown rejection code {}", row.code)))?;
        outcomes.insert(row.command_id.into(), Outcome::Rejected(code));
    }
    for (command_id, id) in events {
        let id = EventId::try_from(id).map_err(|error| DbErr::Type(error.to_string()))?;
        outcomes.insert(command_id.into(), Outcome::Stored(id));
    }
    Ok(outcomes)
}
