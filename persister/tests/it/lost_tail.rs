//! A database that failed over to a copy without its last transactions, or an older backup: the commands are still in
//! NATS.

use std::time::Duration;

use persister::database::{Database, DatabaseUrl};
use persister::entity::event;
use sea_orm::{EntityTrait, QueryOrder};
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping, StopTyping};

use tokio::time::{Instant, sleep_until};

use crate::support::gateway::{command, stored};
use crate::support::rig::{Running, config};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    what_a_copy_of_the_database_lacks_is_carried_out_again_to_the_same_events,
    old_typing_is_carried_out_again_though_somebody_began_with_that_already,
);

/// When typing is not carried out any more that nobody has carried out yet.
const TOO_OLD: Duration = Duration::from_secs(11);

async fn events(url: &str) -> Vec<event::Model> {
    let url: DatabaseUrl = url.parse().unwrap();
    let database = Database::connect(&url).await.unwrap();
    event::Entity::find()
        .order_by_asc(event::Column::Id)
        .all(&database.reader)
        .await
        .unwrap()
}

/// A gateway, and the address of a copy of the database as it was behind the first JOIN.
async fn copied_behind_a_join(rig: &Rig) -> (Gateway, String) {
    let mut gateway = rig.gateway(1).await;
    let persister = rig.persister(1).await;
    stored(gateway.ask(&command(Join, 7, 4)).await);
    persister.stop().await;
    (gateway, rig.copy_of_database().await)
}

async fn what_a_copy_of_the_database_lacks_is_carried_out_again_to_the_same_events(rig: Rig) {
    let (mut gateway, copied) = copied_behind_a_join(&rig).await;

    let persister = rig.persister(1).await;
    let mut told = Vec::new();
    for (kind, author) in [
        (Leave, 7),
        (StartTyping, 8),
        (Leave, 7),
        (Join, 7),
        (StopTyping, 8),
    ] {
        let command = command(kind, author, 4);
        told.push((command.id, gateway.ask(&command).await));
    }
    Gateway::expect_rejection(told[2].1, ErrorCode::NotJoined);
    persister.stop().await;
    let before = events(&rig.database_url).await;
    assert_eq!(before.len(), 5);
    for id in [1, 2, 3, 5, 6] {
        assert_eq!(gateway.event().await.0.id.get(), id);
    }

    let persister = Running::start(&config(&rig.nats.url(), &copied, 1)).await;
    for (id, outcome) in told {
        assert_eq!(gateway.outcome(id).await, outcome, "told the same again");
    }
    for id in [2, 3, 5, 6] {
        assert_eq!(gateway.event().await.0.id.get(), id, "published again");
    }
    assert_eq!(events(&copied).await, before, "to the microsecond");
    assert_eq!(stored(gateway.ask(&command(Leave, 7, 4)).await), 7);
    persister.stop().await;
}

async fn old_typing_is_carried_out_again_though_somebody_began_with_that_already(rig: Rig) {
    let (mut gateway, copied) = copied_behind_a_join(&rig).await;
    let persister = rig.persister(1).await;
    for kind in [StartTyping, StopTyping, StartTyping] {
        stored(gateway.ask(&command(kind, 7, 4)).await);
    }
    let last_asked = Instant::now();
    persister.stop().await;
    let before = events(&rig.database_url).await;

    // An owner that was replaced in the middle has published the first of them again, which is the last message now.
    let published = gateway.jetstream.get_stream("EV_0").await.unwrap();
    let first = published.get_raw_message(2).await.unwrap();
    let again = gateway.jetstream.publish(first.subject, first.payload);
    again.await.unwrap().await.unwrap();
    // Only time makes typing old.
    sleep_until(last_asked + TOO_OLD).await;
    let persister = Running::start(&config(&rig.nats.url(), &copied, 1)).await;
    stored(gateway.ask(&command(Leave, 7, 4)).await);
    let after = events(&copied).await;
    assert_eq!(after[..before.len()], before, "to the microsecond");
    persister.stop().await;
}
