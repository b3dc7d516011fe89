//! Two replicas that both believe to own a partition.

use std::time::Duration;

use persister::entity::event;
use persister::store::{AskFor, StoreError};
use sea_orm::{EntityTrait, PaginatorTrait};
use shared::event::EventType::{Join, StartTyping};
use shared::partition::Partition;
use tokio::time::{interval, timeout};

use crate::support::wishes::wish;
use crate::support::{PATIENCE, Rig, on_both_databases};

on_both_databases!(
    a_partition_is_leased_to_one_replica_until_its_lease_runs_out,
    a_former_owner_stores_nothing,
    a_former_owner_is_fenced_off_before_its_rows_meet_those_of_its_successor,
    an_owner_that_is_behind_itself_stores_nothing,
);

const PARTITION: Partition = Partition::new(0);
const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(200);

async fn a_partition_is_leased_to_one_replica_until_its_lease_runs_out(rig: Rig) {
    let one = rig.store("one", SHORT).await;
    let other = rig.store("other", LONG).await;
    let first = one.acquire(PARTITION).await.unwrap().unwrap();
    let polling = async {
        let mut tick = interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            if let Some(lease) = other.acquire(PARTITION).await.unwrap() {
                return lease;
            }
        }
    };
    let second = timeout(PATIENCE, polling).await.unwrap();
    assert_eq!(second.epoch, first.epoch + 1);
    assert!(matches!(one.renew(&first).await, Err(StoreError::Fenced)));
    assert!(
        one.acquire(PARTITION).await.unwrap().is_none(),
        "now it is the other's"
    );
    other.renew(&second).await.unwrap();
}

async fn a_former_owner_stores_nothing(rig: Rig) {
    let one = rig.store("one", LONG).await;
    let other = rig.store("other", LONG).await;
    let mut old = one.acquire(PARTITION).await.unwrap().unwrap();
    assert!(other.acquire(PARTITION).await.unwrap().is_none());
    one.release(&old).await.unwrap();
    let mut new = other.acquire(PARTITION).await.unwrap().unwrap();

    let late = one
        .commit(&mut old, &[wish(1, Join, 7, 4)], AskFor::Likely)
        .await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    other
        .commit(&mut new, &[wish(1, Join, 8, 4)], AskFor::Likely)
        .await
        .unwrap();
    let db = rig.database().await.reader;
    let events = event::Entity::find().all(&db).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].author_id, 8);
}

async fn a_former_owner_is_fenced_off_before_its_rows_meet_those_of_its_successor(rig: Rig) {
    let one = rig.store("one", LONG).await;
    let other = rig.store("other", LONG).await;
    let mut old = one.acquire(PARTITION).await.unwrap().unwrap();
    one.release(&old).await.unwrap();
    let mut new = other.acquire(PARTITION).await.unwrap().unwrap();
    // The same command twice: its event has the same id and the same command id whoever stores it.
    let wishes = [wish(1, StartTyping, 7, 4)];
    other
        .commit(&mut new, &wishes, AskFor::Likely)
        .await
        .unwrap();
    let late = one.commit(&mut old, &wishes, AskFor::Likely).await;
    // Not a conflict, which would be decided again.
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
}

async fn an_owner_that_is_behind_itself_stores_nothing(rig: Rig) {
    // As after a COMMIT whose answer was lost.
    let store = rig.store("one", LONG).await;
    let mut lease = store.acquire(PARTITION).await.unwrap().unwrap();
    let mut behind = lease.clone();
    let wishes = [wish(1, Join, 7, 4)];
    store
        .commit(&mut lease, &wishes, AskFor::Likely)
        .await
        .unwrap();
    assert_eq!(lease.next_seq, 2);
    let again = store.commit(&mut behind, &wishes, AskFor::Likely).await;
    assert!(matches!(again, Err(StoreError::Fenced)), "{again:?}");
    let recovered = store.acquire(PARTITION).await.unwrap().unwrap();
    assert_eq!((recovered.next_seq, recovered.published.seq), (2, 0));
    let db = rig.database().await.reader;
    assert_eq!(event::Entity::find().count(&db).await.unwrap(), 1);
}
