//! Memberships of chats and countries after any interleaving of joins and leaves equal a simple model.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use persister::entity::{user_chat, user_country};
use persister::provision;
use persister::store::{AskFor, Lease, Store};
use proptest::collection::vec;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};
use shared::event::EventType;
use shared::partition::Partition;
use tokio::runtime::Handle;

use crate::support::wishes::wish;
use crate::support::{Rig, on_both_databases};

on_both_databases!(memberships_equal_the_model_after_any_interleaving);

/// Enough to meet every pair of neighbours many times over, in a few seconds.
const CASES: u32 = 48;

/// What one user does: JOIN or LEAVE, of the first or second user, in one of the chats.
type Step = (bool, usize, usize);

struct World {
    db: DatabaseConnection,
    store: Store,
    lease: Lease,
    /// Two of one country, one of another.
    chats: [(i64, &'static str); 3],
    /// A new pair of users for each case.
    users: [i64; 2],
}

async fn memberships_equal_the_model_after_any_interleaving(rig: Rig) {
    let db = rig.database().await.writer;
    let store = rig.store("one", Duration::from_mins(1)).await;
    let lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    let second = provision::add(&db, "AF", "Another one").await.unwrap();
    let mut world = World {
        db,
        store,
        lease,
        chats: [(1, "AF"), (second, "AF"), (2, "AX")],
        users: [1, 2],
    };
    let steps = vec((proptest::bool::ANY, 0..2_usize, 0..3_usize), 1..40);
    let splits = vec(1..8_usize, 0..40);
    tokio::task::block_in_place(|| {
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        };
        let world = std::cell::RefCell::new(&mut world);
        TestRunner::new(config)
            .run(&(steps, splits), |(steps, splits)| {
                let mut world = world.borrow_mut();
                Handle::current().block_on(world.check(&steps, &splits))
            })
            .unwrap();
    });
}

impl World {
    async fn check(&mut self, steps: &[Step], splits: &[usize]) -> Result<(), TestCaseError> {
        self.users = self.users.map(|user| user + 2);
        let mut splits = splits.iter().copied().cycle();
        let mut rest = steps;
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(splits.next().unwrap_or(1).min(rest.len()));
            rest = later;
            let wishes: Vec<_> = (self.lease.next_seq..)
                .zip(batch)
                .map(|(seq, (join, user, chat))| {
                    let kind = if *join {
                        EventType::Join
                    } else {
                        EventType::Leave
                    };
                    wish(seq, kind, self.users[*user], self.chats[*chat].0)
                })
                .collect();
            self.store
                .commit(&mut self.lease, &wishes, AskFor::Likely)
                .await
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
        }
        self.compare(steps).await
    }

    async fn compare(&self, steps: &[Step]) -> Result<(), TestCaseError> {
        let mut members = BTreeSet::new();
        for (join, user, chat) in steps {
            let pair = (self.users[*user], self.chats[*chat]);
            if *join {
                members.insert(pair);
            } else {
                members.remove(&pair);
            }
        }
        let chats: BTreeSet<_> = members
            .iter()
            .map(|(user, (chat, _))| (*user, *chat))
            .collect();
        let mut countries = BTreeMap::new();
        for (user, (_, country)) in &members {
            *countries.entry((*user, (*country).to_owned())).or_default() += 1;
        }
        let stored: BTreeSet<_> = user_chat::Entity::find()
            .filter(user_chat::Column::UserId.is_in(self.users))
            .all(&self.db)
            .await
            .unwrap()
            .into_iter()
            .map(|row| (row.user_id, row.chat_id))
            .collect();
        proptest::prop_assert_eq!(stored, chats);
        let stored: BTreeMap<_, i32> = user_country::Entity::find()
            .filter(user_country::Column::UserId.is_in(self.users))
            .all(&self.db)
            .await
            .unwrap()
            .into_iter()
            .map(|row| ((row.user_id, row.country_code), row.chats))
            .collect();
        proptest::prop_assert_eq!(stored, countries);
        Ok(())
    }
}
