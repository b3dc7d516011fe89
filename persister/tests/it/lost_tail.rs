//! A database that failed over to a copy without its last transactions: the commands are still in NATS.

use persister::database::{Database, DatabaseUrl};
use persister::entity::event;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryOrder};
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping, StopTyping};

use crate::support::gateway::{command, stored};
use crate::support::rig::{Running, config};
use crate::support::{Gateway, Rig, on_both_databases, postgres};

on_both_databases!(what_a_copy_of_the_database_lacks_is_carried_out_again_to_the_same_events);

/// A copy of the database as it is now, which nobody uses.
async fn copy(rig: &Rig) -> String {
    let url: DatabaseUrl = rig.database_url.parse().unwrap();
    let database = Database::connect(&url).await.unwrap();
    match database.writer.get_database_backend() {
        DbBackend::Sqlite => {
            let copy = rig.database_url.replace("test.db", "copy.db");
            let file = copy.strip_prefix("sqlite://").unwrap();
            let statement = format!("VACUUM INTO '{file}'");
            database
                .writer
                .execute_unprepared(&statement)
                .await
                .unwrap();
            copy
        }
        _ => {
            database.close().await.unwrap();
            postgres::shared().copy_of(&rig.database_url).await
        }
    }
}

async fn events(url: &str) -> Vec<event::Model> {
    let url: DatabaseUrl = url.parse().unwrap();
    let database = Database::connect(&url).await.unwrap();
    event::Entity::find()
        .order_by_asc(event::Column::Id)
        .all(&database.reader)
        .await
        .unwrap()
}

async fn what_a_copy_of_the_database_lacks_is_carried_out_again_to_the_same_events(rig: Rig) {
    let mut gateway = rig.gateway(1).await;
    let persister = rig.persister(1).await;
    stored(gateway.ask(&command(Join, 7, 4)).await);
    persister.stop().await;
    let copied = copy(&rig).await;

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
