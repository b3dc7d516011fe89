//! A persister is killed under load: every command is answered, and what was answered is true.

use crate::support::load::{Load, judge};
use crate::support::recorder::Recorder;
use crate::support::world::{Database, Plan, World};

/// Over four partitions these are in three.
const CHATS: [i64; 4] = [1, 2, 3, 4];

#[tokio::test]
async fn the_only_persister_is_killed_and_started_again() {
    let mut world = World::start(Plan::wide(Database::Sqlite)).await;
    let gateways = [0, 1].map(|index| world.system.gateways[index].listen());
    let recorder = Recorder::start(gateways[1], &CHATS).await;
    let mut load = Load::start(&gateways, &CHATS).await;
    for _ in 0..3 {
        load.wait_receipts(5).await;
        world.system.persisters[0].kill().await;
        world.system.persisters[0].restart().await.unwrap();
    }
    load.wait_receipts(5).await;
    let sent = load.finish().await;
    judge(&sent, &world.database_url, recorder).await;
}

#[tokio::test]
async fn another_persister_takes_over_from_one_that_was_killed() {
    let mut world = World::start(Plan::wide(Database::Postgres)).await;
    let gateways = [0, 1].map(|index| world.system.gateways[index].listen());
    let recorder = Recorder::start(gateways[1], &CHATS).await;
    let mut load = Load::start(&gateways, &CHATS).await;
    // Each is killed in turn, so that every partition loses its owner at least once.
    for index in 0..2 {
        load.wait_receipts(5).await;
        world.system.persisters[index].kill().await;
        load.wait_receipts(5).await;
        world.system.persisters[index].restart().await.unwrap();
        world.system.wait_ready().await.unwrap();
    }
    load.wait_receipts(5).await;
    let sent = load.finish().await;
    judge(&sent, &world.database_url, recorder).await;
}
