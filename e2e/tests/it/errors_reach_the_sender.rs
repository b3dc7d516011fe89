//! Who is told of an error, where, and who is not (contract section 5).

use crate::support::stomp::{Answer, Client};
use crate::support::world::{Database, Plan, World};

#[tokio::test]
async fn an_error_reaches_its_sender_and_nobody_else() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let gateway = world.system.gateways[0].listen();
    let mut sender = Client::connect(gateway).await;
    let mut other = Client::connect(gateway).await;
    other.subscribe(1).await;
    let errors = [("id", "errors"), ("destination", "/user/queue/errors")];
    other.send_frame("SUBSCRIBE", &errors, "").await;

    // Without a subscription for errors: unsolicited, where client libraries look for it.
    let receipt = sender.send_keyed("leaveChat", 1, 1, Some("once")).await;
    let error = sender
        .take(|frame| frame.header("receipt-id") == Some(&receipt))
        .await;
    assert_eq!(error.command, "MESSAGE");
    assert_eq!(error.header("destination"), Some("/user/queue/errors"));
    assert_eq!(error.header("subscription"), Some("/user/queue/errors"));
    assert_eq!(error.header("idempotency-key"), Some("once"));
    let body = error.json();
    assert_eq!(body["code"], "NOT_JOINED");
    assert_eq!(body["destination"], "/chat/events.leaveChat");
    assert_eq!((&body["chatId"], &body["authorId"]), (&1.into(), &1.into()));

    // With one: there.
    let mine = [("id", "mine"), ("destination", "/user/1/errors")];
    sender.send_frame("SUBSCRIBE", &mine, "").await;
    let receipt = sender.send("leaveChat", 1, 1).await;
    let error = sender
        .take(|frame| frame.header("receipt-id") == Some(&receipt))
        .await;
    assert_eq!(error.header("subscription"), Some("mine"));

    // The first thing that the other one hears of is an event.
    assert_eq!(sender.ask("joinChat", 1, 1).await, Answer::Receipt);
    let first = other.take(|frame| frame.command == "MESSAGE").await;
    assert_eq!(first.json()["eventType"], "JOIN");
}
