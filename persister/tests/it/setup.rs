//! The first start, and every later one.

use std::time::Duration;

use persister::database::{
    Database, DatabaseUrl, WrongPartitionCount, fix_partitions, is_migrated, migrate,
};
use persister::entity::{chat, country};
use persister::provision;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, QueryOrder};

use crate::support::{Kind, Rig, on_both_databases};

/// Longer than a pool waits for a connection.
const STALL: Duration = Duration::from_millis(2_500);

on_both_databases!(
    migrating_at_the_same_time_twice_is_migrating_once,
    whoever_may_not_migrate_sees_whether_somebody_did,
    each_country_has_a_main_chat_and_ids_are_never_used_again,
    another_number_of_partitions_is_refused,
);

async fn migrating_at_the_same_time_twice_is_migrating_once(rig: Rig) {
    let url: DatabaseUrl = rig.database_url.parse().unwrap();
    let (one, other) = tokio::join!(migrate(&url), migrate(&url));
    one.unwrap();
    other.unwrap();
    let database = Database::connect(&url).await.unwrap();
    let countries = country::Entity::find().count(&database.reader).await;
    assert_eq!(countries.unwrap(), 249);
}

/// As behind a disk that others keep busy: what stands still here is SQLite's lock, since opening a file sets its
/// journal mode.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_answer_at_once_is_waited_for() {
    let rig = Rig::start(Kind::Sqlite).await;
    let whole = format!("{}?mode=rwc", rig.database_url);
    let holder = sea_orm::Database::connect(whole).await.unwrap();
    holder
        .execute_unprepared("PRAGMA locking_mode = EXCLUSIVE")
        .await
        .unwrap();
    holder
        .execute_unprepared("CREATE TABLE first (id INTEGER)")
        .await
        .unwrap();
    let url: DatabaseUrl = rig.database_url.parse().unwrap();
    let release = async {
        tokio::time::sleep(STALL).await;
        holder.close().await.unwrap();
    };
    let (migrated, ()) = tokio::join!(migrate(&url), release);
    migrated.unwrap();
}

async fn whoever_may_not_migrate_sees_whether_somebody_did(rig: Rig) {
    let url: DatabaseUrl = rig.database_url.parse().unwrap();
    let db = Database::connect(&url).await.unwrap().writer;
    assert!(!is_migrated(&db).await.unwrap());
    migrate(&url).await.unwrap();
    assert!(is_migrated(&db).await.unwrap());
    // A newer version was here.
    let newer =
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_x', 0)";
    db.execute_unprepared(newer).await.unwrap();
    assert!(is_migrated(&db).await.unwrap());
    let without = "DELETE FROM seaql_migrations WHERE version LIKE '%_index_lists'";
    db.execute_unprepared(without).await.unwrap();
    assert!(!is_migrated(&db).await.unwrap());
}

async fn each_country_has_a_main_chat_and_ids_are_never_used_again(rig: Rig) {
    let db = rig.database().await.writer;
    let chats = chat::Entity::find()
        .order_by_asc(chat::Column::Id)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(chats.len(), 249);
    assert_eq!((chats[0].id, chats[0].name.as_str()), (1, "Afghanistan"));
    assert_eq!(chats[248].id, 249);

    let added = provision::add(&db, "ua", "Kyiv walks").await.unwrap();
    assert_eq!(added, 250);
    assert!(
        provision::remove(&db, added.try_into().unwrap())
            .await
            .unwrap()
    );
    assert!(
        !provision::remove(&db, added.try_into().unwrap())
            .await
            .unwrap()
    );
    assert_eq!(provision::add(&db, "UA", "Kyiv runs").await.unwrap(), 251);
    assert!(provision::add(&db, "XX", "Nowhere").await.is_err());
}

async fn another_number_of_partitions_is_refused(rig: Rig) {
    let db = rig.database().await.writer;
    fix_partitions(&db, 1.try_into().unwrap()).await.unwrap();
    let refused = fix_partitions(&db, 8.try_into().unwrap()).await;
    assert!(
        matches!(refused, Err(WrongPartitionCount::Other { stored: 1, .. })),
        "{refused:?}"
    );
}
