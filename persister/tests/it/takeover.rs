//! An owner that died between commit and publish, and one that is told to go.

use std::time::Duration;

use persister::store::AskFor;
use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping};
use shared::partition::Partition;

use crate::support::gateway::{command, stored};
use crate::support::wishes::named;
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    what_was_stored_and_not_published_is_published_by_the_next_owner,
    what_waited_without_an_owner_is_carried_out_by_the_next,
    a_stopping_owner_leaves_nothing_to_repeat,
    what_was_published_and_not_noted_is_published_again_as_it_was,
);

async fn what_was_stored_and_not_published_is_published_by_the_next_owner(rig: Rig) {
    rig.persister(1).await.stop().await;
    let mut gateway = rig.gateway(1).await;
    let (join, again, typing) = (
        command(Join, 7, 4),
        command(Join, 7, 4),
        command(StartTyping, 7, 4),
    );
    for command in [&join, &again, &typing] {
        gateway.send(command).await;
    }
    // An owner that carries out the first two and then is no more.
    let store = rig.store("gone", Duration::from_mins(1)).await;
    let mut lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    let wishes = [
        named(1, join.id, Join, 7, 4),
        named(2, again.id, Join, 7, 4),
    ];
    store
        .commit(&mut lease, &wishes, AskFor::Likely)
        .await
        .unwrap();
    store.release(&lease).await.unwrap();

    let persister = rig.persister(1).await;
    assert_eq!(stored(gateway.outcome(join.id).await), 1);
    Gateway::expect_rejection(gateway.outcome(again.id).await, ErrorCode::AlreadyJoined);
    assert_eq!(stored(gateway.outcome(typing.id).await), 3);
    let (envelope, _) = gateway.event().await;
    assert_eq!((envelope.id.get(), envelope.previous_id), (1, 0));
    let (envelope, _) = gateway.event().await;
    assert_eq!((envelope.id.get(), envelope.previous_id), (3, 1));
    persister.stop().await;
}

async fn what_waited_without_an_owner_is_carried_out_by_the_next(rig: Rig) {
    rig.persister(1).await.stop().await;
    let mut gateway = rig.gateway(1).await;
    let commands: Vec<_> = (1..=300).map(|author| command(Join, author, 4)).collect();
    for command in &commands {
        gateway.send(command).await;
    }
    let persister = rig.persister(1).await;
    for (id, command) in (1..).zip(&commands) {
        assert_eq!(stored(gateway.outcome(command.id).await), id);
        assert_eq!(gateway.event().await.0.id.get(), id);
    }
    persister.stop().await;
}

async fn a_stopping_owner_leaves_nothing_to_repeat(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    stored(gateway.ask(&command(Join, 7, 4)).await);
    persister.stop().await;
    let store = rig.store("next", Duration::from_mins(1)).await;
    let lease = store.acquire(Partition::new(0)).await.unwrap();
    let lease = lease.expect("the lease was given back");
    assert_eq!((lease.next_seq, lease.published.seq), (2, 1));
}

async fn what_was_published_and_not_noted_is_published_again_as_it_was(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let commands = [command(Join, 7, 4), command(Leave, 7, 4)];
    let mut first = Vec::new();
    for command in &commands {
        stored(gateway.ask(command).await);
        first.push(gateway.event().await);
    }
    persister.stop().await;
    // As if the owner had died before it could note that.
    let store = rig.store("gone", Duration::from_mins(1)).await;
    let mut lease = store.acquire(Partition::new(0)).await.unwrap().unwrap();
    lease.published.seq = 0;
    store.release(&lease).await.unwrap();

    let persister = rig.persister(1).await;
    for (command, first) in commands.iter().zip(first) {
        assert_eq!(gateway.event().await, first);
        assert_eq!(stored(gateway.outcome(command.id).await), first.0.id.get());
    }
    persister.stop().await;
}
