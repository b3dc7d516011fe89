//! Lists are read page by page in order of id: the chats of a country, the members of a chat. With the id in the
//! index a page is one range of it; the indexes without are no longer of use.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column, id, before) in [
            ("chats", "country_code", "id", "chats_country_code"),
            ("user_chats", "chat_id", "user_id", "user_chats_chat_id"),
        ] {
            let index = Index::create()
                .name(format!("{table}_{column}_{id}"))
                .table(table)
                .col(column)
                .col(id)
                .take();
            manager.create_index(index).await?;
            let before = Index::drop().name(before).table(table).to_owned();
            manager.drop_index(before).await?;
        }
        Ok(())
    }
}
