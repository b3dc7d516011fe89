//! Several persisters share the partitions.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use persister::database::Database;
use persister::entity::cmd_partition;
use sea_orm::EntityTrait;
use shared::command::{Command, Outcome};
use shared::error_code::ErrorCode;
use shared::event::EventType::Join;
use tokio::time::{interval, timeout};

use crate::support::gateway::command;
use crate::support::{Gateway, PATIENCE, Rig, on_both_databases};

on_both_databases!(
    partitions_are_shared_fairly_and_taken_over_when_a_replica_leaves,
    a_thousand_racing_joins_are_one_join,
);

const PARTITIONS: u16 = 4;

async fn partitions_are_shared_fairly_and_taken_over_when_a_replica_leaves(rig: Rig) {
    let one = rig.persister(PARTITIONS).await;
    owned_by_each(&rig, &[4]).await;
    let other = rig.persister(PARTITIONS).await;
    owned_by_each(&rig, &[2, 2]).await;
    one.stop().await;
    owned_by_each(&rig, &[4]).await;

    let mut gateway = rig.gateway(PARTITIONS).await;
    for chat in 1..=20 {
        let outcome = gateway.ask(&command(Join, 7, chat)).await;
        assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
    }
    other.stop().await;
}

async fn a_thousand_racing_joins_are_one_join(rig: Rig) {
    let persisters = [
        rig.persister(PARTITIONS).await,
        rig.persister(PARTITIONS).await,
    ];
    let mut gateways = [rig.gateway(PARTITIONS).await, rig.gateway(PARTITIONS).await];
    let commands: Vec<_> = (0..1_000).map(|_| command(Join, 7, 4)).collect();
    let (first, second) = commands.split_at(500);
    tokio::join!(
        send_all(&gateways[0], first),
        send_all(&gateways[1], second)
    );
    let mut told = BTreeMap::new();
    for (gateway, half) in gateways.iter_mut().zip([first, second]) {
        for command in half {
            let outcome = match gateway.outcome(command.id).await {
                Outcome::Stored(_) => "stored",
                Outcome::Rejected(code) => code.name(),
            };
            *told.entry(outcome).or_insert(0) += 1;
        }
    }
    assert_eq!(
        told,
        BTreeMap::from([("stored", 1), (ErrorCode::AlreadyJoined.name(), 999)])
    );
    for persister in persisters {
        persister.stop().await;
    }
}

async fn send_all(gateway: &Gateway, commands: &[Command]) {
    join_all(commands.iter().map(|command| gateway.send(command))).await;
}

/// Waits until the partitions are leased to replicas in these numbers.
async fn owned_by_each(rig: &Rig, wanted: &[usize]) {
    let url = rig.database_url.parse().unwrap();
    let db = Database::connect(&url).await.unwrap().reader;
    let polling = async {
        let mut tick = interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            let mut owners: BTreeMap<String, usize> = BTreeMap::new();
            for row in cmd_partition::Entity::find().all(&db).await.unwrap() {
                if row.lease_until > 0 {
                    *owners.entry(row.owner).or_default() += 1;
                }
            }
            let mut numbers: Vec<_> = owners.into_values().collect();
            numbers.sort_unstable();
            if numbers == wanted {
                return;
            }
        }
    };
    timeout(PATIENCE, polling)
        .await
        .unwrap_or_else(|_| panic!("never {wanted:?}"));
}
