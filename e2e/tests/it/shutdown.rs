//! SIGTERM: everything ends in order and says so by its exit code.

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;

use crate::support::load::{Load, judge};
use crate::support::recorder::Recorder;
use crate::support::stomp::{Answer, Client};
use crate::support::within;
use crate::support::world::{Database, Plan, World};

#[tokio::test]
async fn a_gateway_closes_its_connections_and_exits_with_0() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let gateway = &world.system.gateways[0];
    let mut client = Client::connect(gateway.listen()).await;
    assert_eq!(client.ask("joinChat", 1, 1).await, Answer::Receipt);
    let mut socket = client.into_socket();
    let (status, close) = tokio::join!(gateway.stop(), within("a close frame", socket.next()));
    assert!(status.unwrap().success());
    let close = close.unwrap().unwrap();
    assert!(matches!(&close, Message::Close(Some(_))), "{close:?}");
}

#[tokio::test]
async fn a_persister_hands_over_and_exits_with_0() {
    let world = World::start(Plan::wide(Database::Postgres)).await;
    let gateways = [0, 1].map(|index| world.system.gateways[index].listen());
    let chats = [1, 2, 3, 4];
    let recorder = Recorder::start(gateways[0], &chats).await;
    let mut load = Load::start(&gateways, &chats).await;
    load.wait_receipts(5).await;
    assert!(world.system.persisters[0].stop().await.unwrap().success());
    load.wait_receipts(5).await;
    let sent = load.finish().await;
    judge(&sent, &world.database_url, recorder).await;
    assert!(world.system.persisters[1].stop().await.unwrap().success());
}
