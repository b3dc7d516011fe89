//! NATS forgets, the database remembers.

use async_nats::jetstream;
use shared::beacon::OwnerState;
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping};
use shared::partition::Partition;
use shared::stream;

use crate::support::gateway::{command, stored};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    ids_go_on_growing_after_nats_lost_its_data_under_a_running_persister,
    ids_go_on_growing_after_nats_lost_its_data_while_nobody_ran,
    what_the_stream_has_lost_does_not_wait,
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

async fn what_the_stream_has_lost_does_not_wait(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let last = stored(gateway.ask(&command(Join, 1, 4)).await);
    gateway.event().await;
    persister.stop().await;
    // As after an older copy of the database was restored: NATS has come further, and its commands are purged.
    for author in 2..=9 {
        gateway.send(&command(Join, author, 4)).await;
    }
    let client = async_nats::connect(rig.nats.url()).await.unwrap();
    let commands = stream::command_stream_name(Partition::new(0));
    let stream = jetstream::new(client).get_stream(commands).await.unwrap();
    assert_eq!(stream.purge().await.unwrap().purged, 9);
    let persister = rig.persister(1).await;
    let beacon = gateway.beacon(|beacon| beacon.epoch > 1).await;
    assert_eq!((beacon.lag, beacon.state), (0, OwnerState::Ok));
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
