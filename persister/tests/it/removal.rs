//! A chat that is removed while people join and leave it.

use std::collections::BTreeMap;
use std::time::Duration;

use persister::entity::{chat, user_chat, user_country};
use persister::provision;
use persister::store::{AskFor, CountryChanges, StoreError, TryAgain, add_to_countries};
use sea_orm::{EntityTrait, TransactionTrait};
use shared::command::Outcome;
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave};
use shared::id::UserId;
use shared::partition::Partition;

use crate::support::gateway::command;
use crate::support::wishes::wish;
use crate::support::{Kind, Rig, on_both_databases};

on_both_databases!(
    removing_a_chat_ends_its_memberships_and_no_others,
    removing_chats_while_people_join_and_leave_keeps_the_counts_right,
);

async fn removing_a_chat_ends_its_memberships_and_no_others(rig: Rig) {
    let db = rig.database().await.writer;
    let store = rig.store("one", Duration::from_mins(1)).await;
    let mut lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    let extra = provision::add(&db, "AF", "Extra").await.unwrap();
    let wishes = [
        wish(1, Join, 7, extra),
        wish(2, Join, 7, 1),
        wish(3, Join, 8, extra),
    ];
    store
        .commit(&mut lease, &wishes, AskFor::Likely)
        .await
        .unwrap();
    assert!(
        provision::remove(&db, extra.try_into().unwrap())
            .await
            .unwrap()
    );
    let chats = user_chat::Entity::find().all(&db).await.unwrap();
    assert_eq!(
        chats,
        [user_chat::Model {
            user_id: 7,
            chat_id: 1
        }]
    );
    let countries = user_country::Entity::find().all(&db).await.unwrap();
    assert_eq!(countries.len(), 1);
    assert_eq!((countries[0].user_id, countries[0].chats), (7, 1));
}

async fn removing_chats_while_people_join_and_leave_keeps_the_counts_right(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let db = rig.database().await.writer;
    for _ in 0..10 {
        let chat = provision::add(&db, "AF", "Short-lived").await.unwrap();
        let mut commands: Vec<_> = (1..=20).map(|user| command(Join, user, chat)).collect();
        commands.extend((1..=10).map(|user| command(Leave, user, chat)));
        let sending = async {
            for command in &commands {
                gateway.send(command).await;
            }
        };
        let removing = provision::remove(&db, chat.try_into().unwrap());
        let ((), removed) = tokio::join!(sending, removing);
        assert!(removed.unwrap());
        for command in &commands {
            gateway.outcome(command.id).await;
        }
        let late = gateway.ask(&command(Join, 1, chat)).await;
        assert_eq!(late, Outcome::Rejected(ErrorCode::ChatNotFound));
    }
    let countries: BTreeMap<i64, String> = chat::Entity::find()
        .all(&db)
        .await
        .unwrap()
        .into_iter()
        .map(|chat| (chat.id, chat.country_code))
        .collect();
    let mut counted: BTreeMap<(i64, String), i32> = BTreeMap::new();
    for row in user_chat::Entity::find().all(&db).await.unwrap() {
        *counted
            .entry((row.user_id, countries[&row.chat_id].clone()))
            .or_default() += 1;
    }
    let stored: BTreeMap<_, _> = user_country::Entity::find()
        .all(&db)
        .await
        .unwrap()
        .into_iter()
        .map(|row| ((row.user_id, row.country_code), row.chats))
        .collect();
    assert_eq!(stored, counted);
    persister.stop().await;
}

#[tokio::test]
async fn a_membership_that_ended_meanwhile_is_a_conflict() {
    // Two transactions that overlap: only PostgreSQL has them.
    let rig = Rig::start(Kind::Postgres).await;
    let db = rig.database().await.writer;
    let store = rig.store("one", Duration::from_mins(1)).await;
    let mut lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    store
        .commit(&mut lease, &[wish(1, Join, 7, 1)], AskFor::Likely)
        .await
        .unwrap();
    let removal = db.begin().await.unwrap();
    user_chat::Entity::delete_many()
        .exec(&removal)
        .await
        .unwrap();
    let leaving = [wish(2, Leave, 7, 1)];
    let (left, ()) = tokio::join!(store.commit(&mut lease, &leaving, AskFor::Likely), async {
        // The batch has read the member by the time it waits for this row.
        waits_for_a_lock(&db).await;
        removal.commit().await.unwrap();
    });
    assert!(
        matches!(left, Err(StoreError::TryAgain(TryAgain::Conflict, _))),
        "{left:?}"
    );
    let again = store
        .commit(&mut lease, &leaving, AskFor::All)
        .await
        .unwrap();
    assert_eq!(
        again.outcomes,
        [Some(Outcome::Rejected(ErrorCode::NotJoined))]
    );
}

#[tokio::test]
async fn a_count_that_changed_meanwhile_is_a_conflict() {
    let rig = Rig::start(Kind::Postgres).await;
    let db = rig.database().await.writer;
    let store = rig.store("one", Duration::from_mins(1)).await;
    let mut lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    let second = provision::add(&db, "AF", "Another one").await.unwrap();
    let key = (UserId::try_from(7).unwrap(), "AF".to_owned());
    let mut seq = 0;
    let mut next = |kind, chat| {
        seq += 1;
        [wish(seq, kind, 7, chat)]
    };
    // Somebody else's chat comes or goes while the user leaves, who was in so many chats of the country.
    for (chats, elsewhere) in [(vec![1], 1), (vec![1, second], -1)] {
        for chat in &chats {
            let joining = next(Join, *chat);
            let joined = store.commit(&mut lease, &joining, AskFor::Likely);
            assert!(joined.await.unwrap().rejections.is_empty());
        }
        let other = db.begin().await.unwrap();
        let change = CountryChanges::from([(key.clone(), elsewhere)]);
        add_to_countries(&other, &change).await.unwrap();
        let leaving = next(Leave, 1);
        let (left, ()) = tokio::join!(store.commit(&mut lease, &leaving, AskFor::Likely), async {
            waits_for_a_lock(&db).await;
            other.commit().await.unwrap();
        });
        assert!(
            matches!(left, Err(StoreError::TryAgain(TryAgain::Conflict, _))),
            "{left:?}"
        );
        let again = store.commit(&mut lease, &leaving, AskFor::All).await;
        assert!(again.unwrap().rejections.is_empty());
        let counts = user_country::Entity::find().all(&db).await.unwrap();
        let expected = i32::try_from(chats.len()).unwrap() - 1 + elsewhere;
        let counts: Vec<i32> = counts.into_iter().map(|row| row.chats).collect();
        assert_eq!(
            counts.iter().sum::<i32>(),
            expected,
            "{counts:?} of {chats:?}"
        );
        assert!(counts.iter().all(|chats| *chats > 0), "{counts:?}");
        user_country::Entity::delete_many().exec(&db).await.unwrap();
        user_chat::Entity::delete_many().exec(&db).await.unwrap();
    }
}

/// Returns once some transaction of this database waits for another.
async fn waits_for_a_lock(db: &sea_orm::DatabaseConnection) {
    use sea_orm::{ConnectionTrait, Statement};
    let waiting = Statement::from_string(
        sea_orm::DbBackend::Postgres,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    let asking = async {
        while db.query_one_raw(waiting.clone()).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, asking)
        .await
        .unwrap();
}
