//! What docs/operations.md tells an operator to do to the database, word for word, and what comes of it.

use std::collections::BTreeSet;

use persister::database::{Database, DatabaseUrl};
use sea_orm::ConnectionTrait;
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping, StopTyping};

use crate::support::gateway::{command, stored};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    an_older_database_beside_wiped_streams_gives_no_id_twice,
    the_number_of_partitions_can_be_changed_while_nothing_runs,
);

const OPERATIONS: &str = include_str!("../../../docs/operations.md");

/// The first SQL in the section of this heading.
fn sql_of(section: &str) -> &'static str {
    let (_, section) = OPERATIONS.split_once(&format!("\n## {section}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (_, sql) = section.split_once("```sql\n").unwrap();
    sql.split_once("```").unwrap().0
}

async fn carry_out(database_url: &str, sql: &str) {
    let url: DatabaseUrl = database_url.parse().unwrap();
    let database = Database::connect(&url).await.unwrap();
    database.writer.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
}

async fn an_older_database_beside_wiped_streams_gives_no_id_twice(mut rig: Rig) {
    let mut gateway = rig.gateway(1).await;
    let persister = rig.persister(1).await;
    stored(gateway.ask(&command(Join, 1, 4)).await);
    persister.stop().await;
    let backup = rig.copy_of_database().await;
    // After the backup the streams are wiped twice, of which the backup knows nothing.
    let mut given_out = BTreeSet::new();
    for author in [2, 3] {
        let persister = rig.persister(1).await;
        for chat in 4..8 {
            given_out.insert(stored(gateway.ask(&command(Join, author, chat)).await));
        }
        persister.stop().await;
        rig.nats.stop();
        rig.nats.wipe();
        rig.nats.start_again();
    }
    rig.database_url = backup;
    carry_out(&rig.database_url, sql_of("Backup and restore")).await;

    let persister = rig.persister(1).await;
    let outcome = gateway.ask(&command(Join, 1, 4)).await;
    Gateway::expect_rejection(outcome, ErrorCode::AlreadyJoined);
    let newest = given_out.last().copied();
    let next = stored(gateway.ask(&command(Join, 2, 4)).await);
    assert!(Some(next) > newest, "{next} after {newest:?}");
    persister.stop().await;
}

async fn the_number_of_partitions_can_be_changed_while_nothing_runs(mut rig: Rig) {
    let persister = rig.persister(3).await;
    let mut gateway = rig.gateway(3).await;
    let mut heads = Vec::new();
    for chat in 1..20 {
        heads.push(stored(gateway.ask(&command(Join, 1, chat)).await));
    }
    let change = sql_of("Changing the number of partitions");

    // Nothing happens while a persister is at work, nor while somebody is typing.
    carry_out(&rig.database_url, change).await;
    stored(gateway.ask(&command(StartTyping, 1, 1)).await);
    persister.stop().await;
    carry_out(&rig.database_url, change).await;
    let persister = rig.persister(3).await;
    heads[0] = stored(gateway.ask(&command(StopTyping, 1, 1)).await);
    persister.stop().await;
    drop(gateway);

    rig.nats.stop();
    rig.nats.wipe();
    rig.nats.start_again();
    carry_out(&rig.database_url, change).await;
    let persister = rig.persister(16).await;
    let mut gateway = rig.gateway(16).await;
    let newest = heads.iter().max().copied().unwrap();
    for (chat, head) in (1..20).zip(heads) {
        let outcome = gateway.ask(&command(Join, 1, chat)).await;
        Gateway::expect_rejection(outcome, ErrorCode::AlreadyJoined);
        let left = stored(gateway.ask(&command(Leave, 1, chat)).await);
        assert!(left > newest, "{left} after {newest}");
        let (envelope, _) = gateway.event().await;
        assert_eq!((envelope.id.get(), envelope.previous_id), (left, head));
    }
    persister.stop().await;
}
