//! A command in, an event and an outcome out.

use shared::error_code::ErrorCode;
use shared::event::EventType::{Join, Leave, StartTyping, StopTyping};

use crate::support::gateway::{command, stored};
use crate::support::{Gateway, Rig, on_both_databases};

on_both_databases!(
    every_command_becomes_an_event_with_the_next_id,
    whoever_asks_for_the_impossible_hears_why,
    what_cannot_be_read_does_not_stop_the_stream,
);

async fn every_command_becomes_an_event_with_the_next_id(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let mut previous = 0;
    for kind in [Join, StartTyping, StopTyping, Leave] {
        let command = command(kind, 7, 4);
        let id = stored(gateway.ask(&command).await);
        assert_eq!(id, previous + 1, "one partition numbers without holes");

        let (envelope, event) = gateway.event().await;
        assert_eq!((envelope.id.get(), envelope.previous_id), (id, previous));
        assert_eq!((event.id.get(), event.event_type), (id, kind));
        assert_eq!((event.author_id.get(), event.chat_id.get()), (7, 4));
        previous = id;
    }
    persister.stop().await;
}

async fn whoever_asks_for_the_impossible_hears_why(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    for (kind, chat, code) in [
        (Leave, 4, ErrorCode::NotJoined),
        (Join, 987_654_321, ErrorCode::ChatNotFound),
        (StartTyping, 987_654_321, ErrorCode::ChatNotFound),
    ] {
        let outcome = gateway.ask(&command(kind, 7, chat)).await;
        Gateway::expect_rejection(outcome, code);
    }
    stored(gateway.ask(&command(Join, 7, 4)).await);
    let outcome = gateway.ask(&command(Join, 7, 4)).await;
    Gateway::expect_rejection(outcome, ErrorCode::AlreadyJoined);
    persister.stop().await;
}

async fn what_cannot_be_read_does_not_stop_the_stream(rig: Rig) {
    let persister = rig.persister(1).await;
    let mut gateway = rig.gateway(1).await;
    let unreadable = command(Join, 7, 4);
    let subject = || "cmd.0.4.JOIN".to_owned();
    gateway.send_raw(subject(), None, b"{".to_vec()).await;
    gateway
        .send_raw(subject(), Some(unreadable.id), b"{".to_vec())
        .await;
    Gateway::expect_rejection(
        gateway.outcome(unreadable.id).await,
        ErrorCode::MalformedPayload,
    );
    stored(gateway.ask(&command(Join, 7, 4)).await);
    persister.stop().await;
}
