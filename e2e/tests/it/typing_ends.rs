//! Nobody seems to type after they are gone (contract section 4, "Typing never sticks").

use local::probe;

use crate::support::stomp::{Answer, Client};
use crate::support::within;
use crate::support::world::{Database, Plan, World};

#[tokio::test]
async fn typing_ends_when_the_connection_of_its_author_breaks() {
    let world = World::start(Plan::wide(Database::Sqlite)).await;
    let [one, two] = [0, 1].map(|index| world.system.gateways[index].listen());
    let mut reader = Client::connect(two).await;
    reader.subscribe(1).await;
    let mut author = Client::connect(one).await;
    assert_eq!(author.ask("startTyping", 7, 1).await, Answer::Receipt);
    assert_eq!(reader.event().await.json()["eventType"], "START_TYPING");
    drop(author);
    let end = reader.event().await.json();
    assert_eq!(
        (&end["eventType"], &end["authorId"]),
        (&"STOP_TYPING".into(), &7.into())
    );
}

#[tokio::test]
async fn typing_goes_on_until_the_last_session_of_its_author_ends() {
    let world = World::start(Plan::wide(Database::Sqlite)).await;
    let [one, two] = [0, 1].map(|index| &world.system.gateways[index]);
    let mut reader = Client::connect(two.listen()).await;
    reader.subscribe(1).await;
    let mut typing = Client::connect(one.listen()).await;
    assert_eq!(typing.ask("startTyping", 7, 1).await, Answer::Receipt);
    let mut other = Client::connect(two.listen()).await;
    assert_eq!(other.ask("joinChat", 7, 2).await, Answer::Receipt);

    drop(typing);
    within("the end of the session", no_connections(one.admin())).await;
    // An end of the typing would have been asked for by now, and would come before this.
    assert_eq!(other.ask("joinChat", 7, 1).await, Answer::Receipt);
    assert_eq!(reader.event().await.json()["eventType"], "START_TYPING");
    assert_eq!(reader.event().await.json()["eventType"], "JOIN");

    // The gateway of the other session has taken the matter over.
    drop(other);
    assert_eq!(reader.event().await.json()["eventType"], "STOP_TYPING");
}

async fn no_connections(admin: std::net::SocketAddr) {
    loop {
        let (_, metrics) = probe::get(admin, "/metrics").await.unwrap();
        if metrics.contains("gateway_connections{transport=\"websocket\"} 0") {
            return;
        }
        tokio::task::yield_now().await;
    }
}
