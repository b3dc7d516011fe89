//! Table `cmd_rejections`: commands that did not take effect, for as long as they may be repeated or asked
//! about (24 hours).

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cmd_rejections")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub command_id: Uuid,
    /// [`shared::error_code::ErrorCode::number`].
    pub code: i16,
    /// When the command was accepted into the stream.
    pub rejected_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
