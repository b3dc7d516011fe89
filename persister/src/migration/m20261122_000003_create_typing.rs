//! Who is typing, so that it ends even if whoever typed says no more (contract section 4).

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, small_integer};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("typing")
            .col(big_integer("chat_id"))
            .col(big_integer("user_id"))
            .col(small_integer("part"))
            .col(big_integer("since"))
            .col(big_integer("ends_at"))
            .primary_key(Index::create().col("chat_id").col("user_id"))
            .foreign_key(
                ForeignKey::create()
                    .from("typing", "chat_id")
                    .to("chats", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(table).await?;
        // What is due in a partition, the longest due first.
        let due = Index::create()
            .name("typing_part_ends_at")
            .table("typing")
            .col("part")
            .col("ends_at")
            .take();
        manager.create_index(due).await
    }
}
