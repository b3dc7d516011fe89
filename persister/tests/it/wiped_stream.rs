//! NATS forgets, the database remembers.

use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping};

use crate::support::gateway::{command, stored};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    ids_go_on_growing_after_nats_lost_its_data_under_a_running_persister,
    ids_go_on_growing_after_nats_lost_its_data_while_nobody_ran,
);

async fn ids_go_on_growing_after_nats_lost_its_data_under_a_running_persister(mut rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let mut last = 0;
    for author in 1..=3 {
        last = stored(gateway.ask(&command(Join, author, 4)).await);
        gateway.event().await;
    }
    rig.nats.stop();
    rig.nats.wipe();
    rig.nats.start_again();
    goes_on(&mut gateway, last).await;
    persister.stop().await;
}

async fn ids_go_on_growing_after_nats_lost_its_data_while_nobody_ran(mut rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let last = stored(gateway.ask(&command(Join, 1, 4)).await);
    gateway.event().await;
    persister.stop().await;
    rig.nats.stop();
    rig.nats.wipe();
    rig.nats.start_again();
    let persister = rig.persister(1).await;
    goes_on(&mut gateway, last).await;
    persister.stop().await;
}

async fn goes_on(gateway: &mut Gateway, last: i64) {
    let outcome = gateway.ask(&command(Join, 1, 4)).await;
    Gateway::expect_rejection(outcome, ErrorCode::AlreadyJoined);
    let left = stored(gateway.ask(&command(Leave, 1, 4)).await);
    assert!(left > last, "{left} after {last}");
    let (envelope, _) = gateway.event().await;
    assert_eq!((envelope.id.get(), envelope.previous_id), (left, last));
    let typed = stored(gateway.ask(&command(StartTyping, 1, 4)).await);
    let (envelope, _) = gateway.event().await;
    assert_eq!((envelope.id.get(), envelope.previous_id), (typed, left));
}
