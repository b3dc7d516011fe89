//! It does not matter which gateway a client is connected to.

use shared::event::EventType;

use crate::support::database::Records;
use crate::support::load::{Load, judge};
use crate::support::recorder::Recorder;
use crate::support::stomp::{Answer, Client};
use crate::support::world::{Database, Plan, World};

const CHATS: [i64; 3] = [1, 2, 3];

#[tokio::test]
async fn a_client_sees_what_was_sent_through_another_gateway() {
    let world = World::start(Plan::wide(Database::Sqlite)).await;
    let [one, two] = [0, 1].map(|index| world.system.gateways[index].listen());
    let mut sender = Client::connect(one).await;
    let mut reader = Client::connect(two).await;
    reader.subscribe(1).await;
    assert_eq!(sender.ask("joinChat", 5, 1).await, Answer::Receipt);
    let event = reader.event().await.json();
    assert_eq!(event["eventType"], EventType::Join.name());
    assert_eq!(event["authorId"], 5);
    let members = Records::open(&world.database_url).await.members().await;
    assert_eq!(members, [(5, 1)]);
}

#[tokio::test]
async fn both_gateways_deliver_in_the_same_order_over_sqlite() {
    same_order(Database::Sqlite).await;
}

#[tokio::test]
async fn both_gateways_deliver_in_the_same_order_over_postgres() {
    same_order(Database::Postgres).await;
}

async fn same_order(database: Database) {
    let world = World::start(Plan::wide(database)).await;
    let gateways = [0, 1].map(|index| world.system.gateways[index].listen());
    let one = Recorder::start(gateways[0], &CHATS).await;
    let two = Recorder::start(gateways[1], &CHATS).await;
    let mut load = Load::start(&gateways, &CHATS).await;
    load.wait_receipts(60).await;
    let sent = load.finish().await;
    assert!(
        sent.iter().all(|sent| sent.answer == Answer::Receipt),
        "nothing is broken, and each user has a chat of its own to join and leave"
    );
    judge(&sent, &world.database_url, one).await;
    judge(&sent, &world.database_url, two).await;
}
