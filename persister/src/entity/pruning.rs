//! Table `prunings`: how far the pruning of old events has come, by partition and class of events.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prunings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: i16,
    /// [`crate::retention::Class::number`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub class: i16,
    /// All events of the partition and class up to this id were looked at and are pruned.
    pub through: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
