//! A race for one membership has one winner.

use std::collections::BTreeMap;

use crate::support::database::Records;
use crate::support::stomp::{Answer, Client};
use crate::support::world::{Database, Plan, World};

/// Connections, half of them on each gateway, and JOINs that each of them sends without waiting.
const CLIENTS: usize = 20;
const JOINS_EACH: usize = 50;
const CHAT: i64 = 7;
const USER: i64 = 3;

#[tokio::test]
async fn one_of_a_thousand_racing_joins_takes_effect() {
    let world = World::start(Plan::wide(Database::Postgres)).await;
    let gateways = [0, 1].map(|index| world.system.gateways[index].listen());
    let mut subscribers = Vec::new();
    for gateway in gateways {
        let mut subscriber = Client::connect(gateway).await;
        subscriber.subscribe(CHAT).await;
        subscribers.push(subscriber);
    }
    let mut racers = Vec::new();
    for index in 0..CLIENTS {
        racers.push(Client::connect(gateways[index % gateways.len()]).await);
    }

    let answers = racers.into_iter().map(|mut racer| async move {
        let mut receipts = Vec::new();
        for _ in 0..JOINS_EACH {
            receipts.push(racer.send("joinChat", USER, CHAT).await);
        }
        let mut answers = Vec::new();
        for receipt in receipts {
            answers.push(racer.answer(&receipt).await);
        }
        answers
    });
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for answer in futures_util::future::join_all(answers).await.concat() {
        *told.entry(format!("{answer:?}")).or_default() += 1;
    }
    let expected = [
        (
            format!("{:?}", Answer::error("ALREADY_JOINED")),
            CLIENTS * JOINS_EACH - 1,
        ),
        (format!("{:?}", Answer::Receipt), 1),
    ];
    assert_eq!(told, BTreeMap::from(expected));

    // Whatever comes after the race is the second event, for everybody.
    let mut late = Client::connect(gateways[0]).await;
    assert_eq!(late.ask("startTyping", USER, CHAT).await, Answer::Receipt);
    for mut subscriber in subscribers {
        assert_eq!(subscriber.event().await.json()["eventType"], "JOIN");
        assert_eq!(subscriber.event().await.json()["eventType"], "START_TYPING");
    }
    let records = Records::open(&world.database_url).await;
    assert_eq!(records.members().await, [(USER, CHAT)]);
    assert_eq!(records.events().await.len(), 2);
}
