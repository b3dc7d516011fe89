//! What is known of events that are no longer kept.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, small_integer};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let histories = Table::create()
            .table("pruned_histories")
            .col(big_integer("chat_id").primary_key())
            .col(big_integer("through"))
            .take();
        manager.create_table(histories).await?;
        let prunings = Table::create()
            .table("prunings")
            .col(small_integer("part"))
            .col(small_integer("class"))
            .col(big_integer("through"))
            .primary_key(Index::create().col("part").col("class"))
            .take();
        manager.create_table(prunings).await
    }
}
