//! Whoever comes back gets exactly what was missed, then live events without a seam (contract section 4).

use crate::support::database::Records;
use crate::support::stomp::{Answer, Client};
use crate::support::world::{Database, Plan, World};

/// More than two pages of history.
const MANY: usize = 1_100;

#[tokio::test]
async fn a_long_absence_is_made_up_for_on_another_gateway() {
    let world = World::start(Plan::wide(Database::Postgres)).await;
    let [one, two] = [0, 1].map(|index| world.system.gateways[index].listen());
    let mut writer = Client::connect(one).await;
    assert_eq!(writer.ask("joinChat", 1, 1).await, Answer::Receipt);
    let mut reader = Client::connect(one).await;
    reader.subscribe(1).await;
    assert_eq!(writer.ask("startTyping", 1, 1).await, Answer::Receipt);
    let seen = reader.event().await.json()["id"].as_i64().unwrap();
    drop(reader);

    type_often(&mut writer, MANY).await;
    let mut reader = Client::connect(two).await;
    let receipt = reader.resume(1, seen).await;
    let mut ids = Vec::new();
    for _ in 0..MANY {
        ids.push(reader.event().await.json()["id"].as_i64().unwrap());
    }
    assert_eq!(reader.answer(&receipt).await, Answer::Receipt);
    assert_eq!(writer.ask("leaveChat", 1, 1).await, Answer::Receipt);
    ids.push(reader.event().await.json()["id"].as_i64().unwrap());

    let stored = Records::open(&world.database_url).await.events().await;
    let missed: Vec<_> = stored
        .iter()
        .map(|event| event.id)
        .filter(|id| *id > seen)
        .collect();
    assert_eq!(ids, missed);
}

#[tokio::test]
async fn a_short_absence_needs_no_persister() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let gateway = world.system.gateways[0].listen();
    let mut writer = Client::connect(gateway).await;
    // Somebody stays, so that the chat's recent events are at hand.
    writer.subscribe(1).await;
    assert_eq!(writer.ask("joinChat", 1, 1).await, Answer::Receipt);
    let seen = writer.event().await.json()["id"].as_i64().unwrap();
    type_often(&mut writer, 2).await;
    let missed = [writer.event().await, writer.event().await];
    world.system.persisters[0].kill().await;

    let mut reader = Client::connect(gateway).await;
    let receipt = reader.resume(1, seen).await;
    for missed in missed {
        assert_eq!(reader.event().await.body, missed.body);
    }
    assert_eq!(reader.answer(&receipt).await, Answer::Receipt);
}

#[tokio::test]
async fn who_has_seen_everything_gets_nothing_twice() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let gateway = world.system.gateways[0].listen();
    let mut writer = Client::connect(gateway).await;
    writer.subscribe(1).await;
    assert_eq!(writer.ask("joinChat", 1, 1).await, Answer::Receipt);
    let seen = writer.event().await.json()["id"].as_i64().unwrap();
    // The newest there is, and one that never was.
    for claimed in [seen, seen + 1_000_000] {
        let mut reader = Client::connect(gateway).await;
        let receipt = reader.resume(1, claimed).await;
        assert_eq!(reader.answer(&receipt).await, Answer::Receipt);
        type_often(&mut writer, 1).await;
        let live = writer.event().await;
        assert_eq!(reader.event().await.body, live.body);
    }
}

/// Clients that come back at once, and what each of them missed: more than the recent events at hand.
const STORM_CLIENTS: usize = 300;
const STORM_MISSED: usize = 150;

/// Events that somebody who never left sees while all of them catch up. How many there is time for depends on the
/// machine; each of them has to come within the client's own patience.
const LIVE_MIN: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn live_events_go_on_while_hundreds_catch_up() {
    let world = World::start(Plan::small(Database::Postgres)).await;
    let gateway = world.system.gateways[0].listen();
    let mut writer = Client::connect(gateway).await;
    assert_eq!(writer.ask("joinChat", 1, 1).await, Answer::Receipt);
    let seen = Records::open(&world.database_url).await.events().await[0].id;
    type_often(&mut writer, STORM_MISSED).await;

    let mut storm = tokio::task::JoinSet::new();
    for _ in 0..STORM_CLIENTS {
        storm.spawn(async move {
            let mut client = Client::connect(gateway).await;
            let receipt = client.resume(1, seen).await;
            let mut last = seen;
            for _ in 0..STORM_MISSED {
                let id = client.event().await.json()["id"].as_i64().unwrap();
                assert!(id > last, "{id} after {last}");
                last = id;
            }
            assert_eq!(client.answer(&receipt).await, Answer::Receipt);
        });
    }
    // Another chat, so that what is live is not part of what is missed.
    let mut live = Client::connect(gateway).await;
    live.subscribe(2).await;
    let mut seen_live = 0;
    while !storm.is_empty() {
        assert_eq!(live.ask("startTyping", 2, 2).await, Answer::Receipt);
        live.event().await;
        seen_live += 1;
        while let Some(done) = storm.try_join_next() {
            done.unwrap();
        }
    }
    assert!(
        seen_live >= LIVE_MIN,
        "only {seen_live} live events got through"
    );
}

#[tokio::test]
async fn a_bad_event_id_is_refused_and_leaves_no_subscription() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let mut client = Client::connect(world.system.gateways[0].listen()).await;
    for bad in ["0", "-1", "x", "1.5"] {
        let headers = [
            ("id", "s"),
            ("destination", "/countries/1/events"),
            ("last-event-id", bad),
            ("receipt", bad),
        ];
        client.send_frame("SUBSCRIBE", &headers, "").await;
        assert_eq!(client.answer(bad).await, Answer::error("INVALID_FIELD"));
    }
}

/// Makes so many events in chat 1.
async fn type_often(writer: &mut Client, times: usize) {
    let mut receipts = Vec::new();
    for time in 0..times {
        let verb = if time % 2 == 0 {
            "startTyping"
        } else {
            "stopTyping"
        };
        receipts.push(writer.send(verb, 1, 1).await);
    }
    for receipt in receipts {
        assert_eq!(writer.answer(&receipt).await, Answer::Receipt);
    }
}
