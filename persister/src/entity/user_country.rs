//! Table `user_countries`: through how many chats a user belongs to a country. No row means none.
//!
//! A count and not a mere fact, because a LEAVE in one partition and a JOIN in another may touch the same row
//! at the same time: adding to a number locks the row, "insert if absent" would not.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_countries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub country_code: String,
    /// At least 1.
    pub chats: i32,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
