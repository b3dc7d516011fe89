//! Table `pruned_histories`: chats of whose history something was pruned. No row: the history is whole.
//!
//! No foreign key to `chats`: like the events, it outlives the chat.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pruned_histories")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: i64,
    /// Largest id of a pruned event: from there on, and only from there, the history is complete.
    pub through: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
