//! Chats of two kinds, GROUP and PRIVATE, and the seats in private ones. Every chat until now is a GROUP.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut chat_type = ColumnDef::new("chat_type");
        chat_type
            .string_len(10)
            .not_null()
            .default("GROUP")
            .check(Expr::col("chat_type").is_in(["GROUP", "PRIVATE"]));
        let chats = Table::alter()
            .table("chats")
            .add_column(chat_type)
            .to_owned();
        manager.alter_table(chats).await?;
        let seats = Table::create()
            .table("chat_seats")
            .col(big_integer("chat_id"))
            .col(big_integer("user_id"))
            .primary_key(Index::create().col("chat_id").col("user_id"))
            .foreign_key(
                ForeignKey::create()
                    .from("chat_seats", "chat_id")
                    .to("chats", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(seats).await
    }
}
