//! The database is gone for a while: what was sent is carried out when it is back, or its sender is told.

use crate::support::load::{Load, judge};
use crate::support::recorder::Recorder;
use crate::support::stomp::{Answer, Client};
use crate::support::within;
use crate::support::world::{Database, Plan, World};

const CHATS: [i64; 3] = [1, 2, 3];

#[tokio::test]
async fn a_database_crash_loses_nothing() {
    let mut world = World::start(Plan::wide(Database::OwnPostgres)).await;
    let gateways = [0, 1].map(|index| world.system.gateways[index].listen());
    let recorder = Recorder::start(gateways[1], &CHATS).await;
    let mut load = Load::start(&gateways, &CHATS).await;
    load.wait_receipts(5).await;

    world.own_postgres().stop_immediately().await.unwrap();
    // Sent while the database is down: it waits in the stream, or the sender is told.
    let mut sender = Client::connect(gateways[0]).await;
    let waiting = sender.send("joinChat", 99, 1).await;
    world.own_postgres().restart().await.unwrap();
    let answer = sender.answer(&waiting).await;
    let allowed = [
        Answer::Receipt,
        Answer::error("UNAVAILABLE"),
        Answer::error("OUTCOME_UNKNOWN"),
    ];
    assert!(allowed.contains(&answer), "{answer:?}");

    within("readiness", world.system.wait_ready())
        .await
        .unwrap();
    load.wait_receipts(5).await;
    let sent = load.finish().await;
    judge(&sent, &world.database_url, recorder).await;
}
