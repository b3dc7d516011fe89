//! NATS is gone for a while: senders are told, nothing that was receipted is lost, and all goes on by itself.

use std::time::Duration;

use local::probe;
use tokio::time::timeout;

use crate::support::load::{Load, judge};
use crate::support::recorder::Recorder;
use crate::support::stomp::{Answer, Client};
use crate::support::within;
use crate::support::world::{Database, Plan, World};

/// How soon a sender must know.
const TOLD_MAX: Duration = Duration::from_secs(5);
const CHATS: [i64; 3] = [1, 2, 3];

#[tokio::test]
async fn a_nats_crash_loses_nothing_over_sqlite() {
    crash(Database::Sqlite).await;
}

#[tokio::test]
async fn a_nats_crash_loses_nothing_over_postgres() {
    crash(Database::Postgres).await;
}

async fn crash(database: Database) {
    let mut world = World::start(Plan::wide(database)).await;
    let gateways = [0, 1].map(|index| world.system.gateways[index].listen());
    let recorder = Recorder::start(gateways[1], &CHATS).await;
    let mut sender = Client::connect(gateways[0]).await;
    let mut load = Load::start(&gateways, &CHATS).await;
    load.wait_receipts(5).await;

    world.system.nats.kill().await;
    // What is on its way at this moment may have reached the stream, and is OUTCOME_UNKNOWN to its sender. From
    // when the gateway has noticed, nothing does.
    let told = async {
        for gateway in &world.system.gateways {
            probe::wait_readyz(gateway.admin(), 503, TOLD_MAX)
                .await
                .unwrap();
        }
        sender.ask("startTyping", 99, 1).await
    };
    let told = timeout(TOLD_MAX, told).await;
    assert_eq!(told.expect("told in time"), Answer::error("UNAVAILABLE"));

    world.system.nats.restart().await.unwrap();
    within("readiness", world.system.wait_ready())
        .await
        .unwrap();
    load.wait_receipts(5).await;
    let sent = load.finish().await;
    judge(&sent, &world.database_url, recorder).await;
}
