//! Table `chats`: chat rooms. Their ids are never used again, because events outlive a chat.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chats")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    /// The country whose members the chat makes.
    pub country_code: String,
    /// GROUP or PRIVATE ([`shared::policy::ChatType`]). Never changes.
    pub chat_type: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
