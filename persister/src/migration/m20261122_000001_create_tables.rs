//! Every table of design section 4.2, and the countries and chats they speak of.
//!
//! Column names are written out and not taken from the entities: those will change, this step may not.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, integer, small_integer, string, string_len, timestamp_with_time_zone, uuid,
    uuid_null,
};
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            countries(),
            chats(),
            events(),
            user_chats(),
            user_countries(),
        ] {
            manager.create_table(table).await?;
        }
        let backend = manager.get_database_backend();
        for table in [
            cmd_rejections(),
            cmd_partitions(backend),
            persister_replicas(),
        ] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn countries() -> TableCreateStatement {
    Table::create()
        .table("countries")
        .col(string_len("code", 2).primary_key())
        .col(string("name"))
        .col(string_len("flag", 2))
        .take()
}

fn chats() -> TableCreateStatement {
    Table::create()
        .table("chats")
        // AUTOINCREMENT on SQLite, an identity on PostgreSQL: both never hand out an id twice.
        .col(big_integer("id").primary_key().auto_increment())
        .col(string("name"))
        .col(string_len("country_code", 2))
        .foreign_key(
            ForeignKey::create()
                .from("chats", "country_code")
                .to("countries", "code"),
        )
        .take()
}

fn events() -> TableCreateStatement {
    Table::create()
        .table("events")
        .col(big_integer("id").primary_key())
        .col(uuid("command_id").unique_key())
        .col(big_integer("author_id"))
        .col(big_integer("chat_id"))
        .col(small_integer("event_type"))
        .col(timestamp_with_time_zone("event_time"))
        .col(big_integer("previous_id"))
        .take()
}

fn user_chats() -> TableCreateStatement {
    Table::create()
        .table("user_chats")
        .col(big_integer("user_id"))
        .col(big_integer("chat_id"))
        .primary_key(Index::create().col("user_id").col("chat_id"))
        .foreign_key(
            ForeignKey::create()
                .from("user_chats", "chat_id")
                .to("chats", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .take()
}

fn user_countries() -> TableCreateStatement {
    Table::create()
        .table("user_countries")
        .col(big_integer("user_id"))
        .col(string_len("country_code", 2))
        .col(integer("chats"))
        .primary_key(Index::create().col("user_id").col("country_code"))
        .foreign_key(
            ForeignKey::create()
                .from("user_countries", "country_code")
                .to("countries", "code"),
        )
        .take()
}

fn cmd_rejections() -> TableCreateStatement {
    Table::create()
        .table("cmd_rejections")
        .col(uuid("command_id").primary_key())
        .col(small_integer("code"))
        .col(timestamp_with_time_zone("rejected_at"))
        .take()
}

fn cmd_partitions(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create()
        .table("cmd_partitions")
        .col(small_integer("part").primary_key())
        .col(big_integer("epoch"))
        .col(string("owner"))
        .col(big_integer("lease_until"))
        .col(big_integer("id_base"))
        .col(big_integer("next_seq"))
        .col(big_integer("published_seq"))
        .col(uuid_null("last_command_id"))
        .take();
    if backend == DbBackend::Postgres {
        // Each row is updated by every batch: room on its page keeps those updates off the index.
        table.extra("WITH (fillfactor=50)");
    }
    table
}

fn persister_replicas() -> TableCreateStatement {
    Table::create()
        .table("persister_replicas")
        .col(string("id").primary_key())
        .col(big_integer("seen_at"))
        .take()
}

fn indexes() -> [IndexCreateStatement; 5] {
    [
        // A page of a chat's history, and its newest event.
        Index::create()
            .name("events_chat_id_id")
            .table("events")
            .col("chat_id")
            .col("id")
            .take(),
        Index::create()
            .name("chats_country_code")
            .table("chats")
            .col("country_code")
            .take(),
        Index::create()
            .name("user_chats_chat_id")
            .table("user_chats")
            .col("chat_id")
            .take(),
        Index::create()
            .name("user_countries_country_code")
            .table("user_countries")
            .col("country_code")
            .take(),
        Index::create()
            .name("cmd_rejections_rejected_at")
            .table("cmd_rejections")
            .col("rejected_at")
            .take(),
    ]
}
