//! Processes die and freeze under load, and nothing is lost, doubled or out of order (design section 5).

use std::collections::HashMap;

use persister::database::{Database, DatabaseUrl};
use sea_orm::DatabaseConnection;
use shared::beacon::OwnerState;

use crate::support::daemon::Daemon;
use crate::support::gateway::Gateway;
use crate::support::load::Load;
use crate::support::nats::Nats;
use crate::support::postgres::Postgres;
use crate::support::rig::{Running, config};
use crate::support::{Kind, Rig};

/// So many that each of two replicas owns some.
const PARTITIONS: u16 = 4;

async fn connect(url: &str) -> DatabaseConnection {
    let url: DatabaseUrl = url.parse().unwrap();
    Database::connect(&url).await.unwrap().reader
}

/// Waits until every partition has an owner that keeps up; returns the epochs.
async fn settled(watcher: &mut Gateway) -> HashMap<u16, i64> {
    let mut epochs = HashMap::new();
    while epochs.len() < usize::from(PARTITIONS) {
        let beacon = watcher
            .beacon(|beacon| beacon.state == OwnerState::Ok && beacon.lag < 100)
            .await;
        epochs.insert(beacon.partition.get(), beacon.epoch);
    }
    epochs
}

/// Waits until this many partitions have changed hands.
async fn taken_over(watcher: &mut Gateway, before: &HashMap<u16, i64>, wanted: usize) {
    let mut taken = HashMap::new();
    while taken.len() < wanted {
        let beacon = watcher
            .beacon(|beacon| beacon.epoch > before[&beacon.partition.get()])
            .await;
        taken.insert(beacon.partition.get(), beacon.epoch);
    }
}

/// Two replicas that own two partitions each, a load on them, and somebody who watches the beacons.
async fn two_replicas(rig: &Rig) -> (Vec<Daemon>, Load, Gateway) {
    let replicas = vec![
        Daemon::start(rig, PARTITIONS).0,
        Daemon::start(rig, PARTITIONS).0,
    ];
    let mut watcher = rig.gateway(PARTITIONS).await;
    let before = settled(&mut watcher).await;
    if before.values().all(|epoch| *epoch == 1) {
        // The first has all of them until it has seen the second.
        taken_over(&mut watcher, &before, 2).await;
    }
    (replicas, Load::new(rig, PARTITIONS).await, watcher)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_under_load_nothing_is_lost_doubled_or_disordered() {
    let rig = Rig::start(Kind::Postgres).await;
    let (mut replicas, mut load, mut watcher) = two_replicas(&rig).await;
    for _ in 0..3 {
        let before = settled(&mut watcher).await;
        let killing = async {
            drop(replicas.remove(0));
            taken_over(&mut watcher, &before, 1).await;
            replicas.push(Daemon::start(&rig, PARTITIONS).0);
            settled(&mut watcher).await;
        };
        load.during(killing).await;
    }
    load.check(&connect(&rig.database_url).await, true).await;
    for replica in replicas {
        assert_eq!(replica.stop(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_frozen_and_goes_on_does_no_harm() {
    let rig = Rig::start(Kind::Postgres).await;
    let (replicas, mut load, mut watcher) = two_replicas(&rig).await;
    for replica in &replicas {
        let before = settled(&mut watcher).await;
        let freezing = async {
            replica.signal("STOP");
            taken_over(&mut watcher, &before, 1).await;
            // Now it believes to own what another owns.
            replica.signal("CONT");
            settled(&mut watcher).await;
        };
        load.during(freezing).await;
    }
    load.check(&connect(&rig.database_url).await, true).await;
    for replica in replicas {
        assert_eq!(replica.stop(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_under_load_costs_nothing_but_time() {
    let (nats, mut postgres) = (Nats::start(), Postgres::start());
    let database_url = postgres.new_database().await;
    let rig = Rig::of(nats, database_url);
    let persister = Running::start(&config(&rig.nats.url(), &rig.database_url, PARTITIONS)).await;
    let mut watcher = rig.gateway(PARTITIONS).await;
    let mut load = Load::new(&rig, PARTITIONS).await;
    for _ in 0..3 {
        let crashing = async {
            settled(&mut watcher).await;
            postgres.crash();
            watcher
                .beacon(|beacon| beacon.state == OwnerState::DatabaseDown)
                .await;
            postgres.start_again();
            settled(&mut watcher).await;
        };
        load.during(crashing).await;
    }
    load.check(&connect(&rig.database_url).await, true).await;
    persister.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_that_is_killed_under_load_loses_nothing_it_took() {
    let mut rig = Rig::start(Kind::Postgres).await;
    let persister = rig.persister(PARTITIONS).await;
    let mut watcher = rig.gateway(PARTITIONS).await;
    let mut load = Load::new(&rig, PARTITIONS).await;
    for _ in 0..3 {
        let crashing = async {
            settled(&mut watcher).await;
            rig.nats.crash();
            rig.nats.start_again();
            settled(&mut watcher).await;
        };
        load.during(crashing).await;
    }
    // What was published while the gateway was cut off it has to ask for: the gateway's own tests show that.
    load.check(&connect(&rig.database_url).await, false).await;
    persister.stop().await;
}
