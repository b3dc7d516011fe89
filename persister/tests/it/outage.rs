//! Something is away for a while, or refuses a row for ever.

use sea_orm::{ConnectionTrait, DbBackend};
use shared::admin::Readiness;
use shared::beacon::OwnerState;
use shared::command::Outcome;
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, StartTyping};
use shared::query::{Heads, HeadsRequest, Reply};
use shared::subject;
use tokio::time::timeout;

use crate::support::gateway::{command, stored};
use crate::support::nats::Nats;
use crate::support::postgres::Postgres;
use crate::support::rig::{Running, config};
use crate::support::{Gateway, PATIENCE, Rig, on_both_databases};

on_both_databases!(
    after_nats_was_away_commands_go_on,
    a_command_that_cannot_be_stored_is_rejected_alone,
    a_full_stream_refuses_commands_and_drains_in_order,
);

async fn after_nats_was_away_commands_go_on(mut rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let before = stored(gateway.ask(&command(Join, 7, 4)).await);
    rig.nats.stop();
    until(|| persister.health.readiness().is_err()).await;
    rig.nats.start_again();
    let after = stored(gateway.ask(&command(Join, 8, 4)).await);
    assert_eq!(after, before + 1, "nothing was lost or doubled");
    until(|| persister.health.readiness().is_ok()).await;
    persister.stop().await;
}

async fn a_command_that_cannot_be_stored_is_rejected_alone(rig: Rig) {
    rig.persister(1).await.stop().await;
    let mut gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    let refusing = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.author_id = 666
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        }
        _ => "ALTER TABLE events ADD CHECK (author_id <> 666)",
    };
    db.execute_unprepared(refusing).await.unwrap();
    let commands: Vec<_> = (660..670).map(|author| command(Join, author, 4)).collect();
    for command in &commands {
        gateway.send(command).await;
    }
    let persister = rig.persister(1).await;
    for command in &commands {
        let outcome = gateway.outcome(command.id).await;
        match command.author_id.get() {
            666 => Gateway::expect_rejection(outcome, ErrorCode::Unavailable),
            _ => assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}"),
        }
    }
    persister.stop().await;
}

async fn a_full_stream_refuses_commands_and_drains_in_order(rig: Rig) {
    let mut config = rig.config(1);
    config.streams.command_stream_bytes_max = 1 << 20;
    Running::start(&config).await.stop().await;
    let mut gateway = rig.gateway(1).await;
    let mut taken = Vec::new();
    for author in 1.. {
        let join = command(Join, author, 4);
        if !gateway.try_to_send(&join).await {
            break;
        }
        taken.push(join);
    }
    assert!(taken.len() > 1_000, "{}", taken.len());

    let persister = Running::start(&config).await;
    for (join, id) in taken.iter().zip(1..) {
        assert_eq!(stored(gateway.outcome(join.id).await), id);
    }
    // Sending is tried until there is room again.
    stored(gateway.ask(&command(StartTyping, 7, 4)).await);
    persister.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_commands_wait_and_questions_are_refused() {
    let (nats, mut postgres) = (Nats::start(), Postgres::start());
    let database = postgres.new_database().await;
    let persister = Running::start(&config(&nats.url(), &database, 1)).await;
    let mut gateway = Gateway::connect(&nats.url(), 1).await;
    stored(gateway.ask(&command(Join, 7, 4)).await);
    gateway
        .beacon(|beacon| beacon.state == OwnerState::Ok)
        .await;

    postgres.stop();
    let waiting = [command(Join, 8, 4), command(StartTyping, 8, 4)];
    for command in &waiting {
        gateway.send(command).await;
    }
    gateway
        .beacon(|beacon| beacon.state == OwnerState::DatabaseDown)
        .await;
    until(|| persister.health.readiness().is_err()).await;
    let question = HeadsRequest {
        chats: vec![4.try_into().unwrap()],
    };
    let reply: Reply<Heads> = gateway.question(subject::HEADS, &question).await;
    assert_eq!(reply, Err(ErrorCode::Unavailable));

    postgres.start_again();
    for (command, id) in waiting.iter().zip(2..) {
        assert_eq!(stored(gateway.outcome(command.id).await), id);
    }
    gateway
        .beacon(|beacon| beacon.state == OwnerState::Ok)
        .await;
    until(|| persister.health.readiness().is_ok()).await;
    persister.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persister_waits_for_a_database_that_comes_up_later() {
    let (nats, mut postgres) = (Nats::start(), Postgres::start());
    let database = postgres.new_database().await;
    postgres.stop();
    let config = config(&nats.url(), &database, 1);
    let starting = Running::start(&config);
    let (persister, ()) = tokio::join!(starting, async { postgres.start_again() });
    let mut gateway = Gateway::connect(&nats.url(), 1).await;
    stored(gateway.ask(&command(Join, 7, 4)).await);
    persister.stop().await;
}

/// Waits until this holds.
async fn until(holds: impl Fn() -> bool) {
    let polling = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        while !holds() {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, polling).await.expect("it comes to hold");
}
