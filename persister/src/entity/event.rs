//! Table `events`: everything that happened, for good.
//!
//! No foreign key to `chats`: the history of a chat that was removed stays readable.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// Grows along a chat; made from the position of the command (see [`crate::decide::Numbering`]).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The command that caused it. Unique, which is what makes a command take effect once.
    pub command_id: Uuid,
    pub author_id: i64,
    pub chat_id: i64,
    /// [`shared::event::EventType::code`].
    pub event_type: i16,
    pub event_time: DateTimeUtc,
    /// Id of the chat's previous event, 0 for the first.
    pub previous_id: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
