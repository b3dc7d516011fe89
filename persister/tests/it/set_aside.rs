//! What cannot be carried out is set aside, and nothing behind it waits for long.

use std::process::{Command as Process, Output};
use std::time::Duration;

use persister::store::lookup;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use shared::beacon::OwnerState;
use shared::command::Outcome;
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave};
use shared::stream;
use tokio::time::{interval, timeout};

use crate::support::gateway::{command, stored};
use crate::support::rig::Running;
use crate::support::{Gateway, PATIENCE, Rig, on_both_databases};

on_both_databases!(
    what_cannot_be_read_is_kept_as_it_came,
    what_the_database_refused_is_carried_out_when_replayed,
    a_partition_waits_while_nothing_can_be_set_aside,
);

/// Runs `persister set-aside …`.
pub(crate) fn by_hand(rig: &Rig, arguments: &[&str]) -> Output {
    Process::new(env!("CARGO_BIN_EXE_persister"))
        .arg("set-aside")
        .args(arguments)
        .args(["--nats-url", &rig.nats.url()])
        .output()
        .unwrap()
}

pub(crate) fn listed(rig: &Rig) -> serde_json::Value {
    let output = by_hand(rig, &["list", "--json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn what_cannot_be_read_is_kept_as_it_came(rig: Rig) {
    assert_eq!(listed(&rig), serde_json::json!([]), "nothing there yet");
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let named = command(Join, 7, 4);
    gateway
        .send_raw("cmd.0.4.JOIN".to_owned(), None, b"{}".to_vec())
        .await;
    gateway
        .send_raw(
            "cmd.0.4.DANCE".to_owned(),
            Some(named.id),
            b"{\x1b".to_vec(),
        )
        .await;
    let told = gateway.outcome(named.id).await;
    Gateway::expect_rejection(told, ErrorCode::MalformedPayload);
    stored(gateway.ask(&command(Join, 8, 4)).await);

    let rows = listed(&rig);
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["reason"], "no_command_id");
    assert_eq!(rows[0]["body"], "{}");
    assert_eq!(rows[1]["reason"], "unknown_subject");
    assert_eq!(rows[1]["subject"], "cmd.0.4.DANCE");
    assert_eq!(
        (&rows[1]["stream"], &rows[1]["sequence"]),
        (&"CMD_0".into(), &"2".into())
    );
    assert_eq!(rows[1]["commandId"], named.id.to_string());
    let table = by_hand(&rig, &["list"]).stdout;
    let table = String::from_utf8(table).unwrap();
    assert!(
        table.contains("unknown_subject") && !table.contains('\x1b'),
        "{table}"
    );

    assert!(by_hand(&rig, &["drop", "1"]).status.success());
    assert_eq!(by_hand(&rig, &["drop", "1"]).status.code(), Some(1), "gone");
    // What is as unreadable as before comes back, as another.
    replayed(&rig, &gateway).await;
    let polling = async {
        let mut tick = interval(Duration::from_millis(20));
        while listed(&rig)[0]["seq"] != 3 {
            tick.tick().await;
        }
    };
    timeout(PATIENCE, polling)
        .await
        .expect("it is set aside again");
    assert!(by_hand(&rig, &["drop", "--all"]).status.success());
    assert_eq!(listed(&rig), serde_json::json!([]));
    persister.stop().await;
}

/// Replays everything, once NATS has forgotten that it was sent it. Made to forget at once each time: whoever takes
/// the partition over meanwhile declares its stream as it was.
pub(crate) async fn replayed(rig: &Rig, gateway: &Gateway) {
    let polling = async {
        let mut tick = interval(Duration::from_millis(50));
        loop {
            gateway.make_forgetful("CMD_0").await;
            if by_hand(rig, &["replay", "--all"]).status.success() {
                return;
            }
            tick.tick().await;
        }
    };
    timeout(PATIENCE, polling)
        .await
        .expect("it can be replayed");
}

async fn what_the_database_refused_is_carried_out_when_replayed(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    refuse(&db, true).await;
    let join = command(Join, 666, 4);
    let refused = gateway.ask(&join).await;
    Gateway::expect_rejection(refused, ErrorCode::Unavailable);
    assert_eq!(listed(&rig)[0]["reason"], "refused_by_database");

    refuse(&db, false).await;
    let too_soon = by_hand(&rig, &["replay", "1"]);
    assert_eq!(too_soon.status.code(), Some(1), "{too_soon:?}");
    replayed(&rig, &gateway).await;
    // Whoever takes the partition over tells the first outcome again.
    let mut told = refused;
    while told == refused {
        told = gateway.outcome(join.id).await;
    }
    stored(told);
    let known = lookup::outcomes(&db, &[join.id]).await.unwrap();
    assert!(
        matches!(known.get(&join.id), Some(Outcome::Stored(_))),
        "what counts is the second outcome: {known:?}"
    );
    assert_eq!(listed(&rig), serde_json::json!([]));
    stored(gateway.ask(&command(Leave, 666, 4)).await);
    persister.stop().await;
}

/// Makes the database refuse what user 666 does, or take it again.
pub(crate) async fn refuse(db: &DatabaseConnection, refuse: bool) {
    let statement = match (db.get_database_backend(), refuse) {
        (DbBackend::Sqlite, true) => {
            "CREATE TRIGGER poison BEFORE INSERT ON events WHEN NEW.author_id = 666
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        }
        (DbBackend::Sqlite, false) => "DROP TRIGGER poison",
        (_, true) => "ALTER TABLE events ADD CONSTRAINT poison CHECK (author_id <> 666)",
        (_, false) => "ALTER TABLE events DROP CONSTRAINT poison",
    };
    db.execute_unprepared(statement).await.unwrap();
}

async fn a_partition_waits_while_nothing_can_be_set_aside(rig: Rig) {
    let mut config = rig.config(1);
    config.set_aside_stream_bytes_max = 1 << 20;
    let persister = Running::start(&config).await;
    let mut gateway = rig.gateway(1).await;
    let filling = async {
        let filling = vec![b'x'; 100 << 10];
        loop {
            let ack = gateway
                .jetstream
                .publish("aside.0", filling.clone().into())
                .await;
            if ack.unwrap().await.is_err() {
                return;
            }
        }
    };
    timeout(PATIENCE, filling).await.expect("it gets full");
    let (garbage, join) = (command(Join, 7, 4), command(Join, 8, 4));
    // Larger than what room is left.
    let body = vec![b'{'; 100 << 10];
    let subject = "cmd.0.4.JOIN".to_owned();
    gateway.send_raw(subject, Some(garbage.id), body).await;
    gateway.send(&join).await;
    gateway
        .beacon(|beacon| beacon.state == OwnerState::Backlog && beacon.lag == 2)
        .await;

    let stream = gateway
        .jetstream
        .get_stream(stream::SET_ASIDE)
        .await
        .unwrap();
    stream.purge().await.unwrap();
    let told = gateway.outcome(garbage.id).await;
    Gateway::expect_rejection(told, ErrorCode::MalformedPayload);
    assert_eq!(stored(gateway.outcome(join.id).await), 2);
    gateway
        .beacon(|beacon| beacon.state == OwnerState::Ok)
        .await;
    assert_eq!(listed(&rig).as_array().unwrap().len(), 1);
    persister.stop().await;
}
