//! Table `typing`: who is typing where, and until when unless they say so again. Goes with the chat (ON DELETE
//! CASCADE).

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "typing")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    /// The chat's partition, whose owner ends what is due.
    pub part: i16,
    /// Id of the START_TYPING event.
    pub since: i64,
    /// In milliseconds since 1970: the time of that event and the lease.
    pub ends_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
