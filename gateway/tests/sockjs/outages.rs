//! What clients hear when a gateway or NATS is gone.

use crate::support::client::{Client, Transport};
use crate::support::http::{ask, post};
use crate::support::{System, connected, fresh_session, stomp};

const INTERRUPTED: &str = "c[1002,\"Connection interrupted\"]";

#[tokio::test]
async fn a_session_is_gone_with_the_gateway_that_held_it() {
    let system = System::start().await;
    let (holder, relay) = (system.gateway(&[]).await, system.gateway(&[]).await);
    let mut opening = Client::new(Transport::Xhr, holder.listen(), relay.listen());
    opening.connect().await;
    let mut stream = Client::new(Transport::XhrStreaming, relay.listen(), relay.listen());
    stream.session = opening.session.clone();
    stream.open_stream().await;
    stream.send(&stomp::send_to_nowhere()).await;
    stomp::assert_unknown_destination(&stream.frame().await);

    holder.kill().await;
    assert_eq!(stream.frame().await, INTERRUPTED);
    assert!(stream.is_over().await);
    assert_eq!(stream.try_send(&stomp::send_to_nowhere()).await, 404);
    // To receive is to open a session, as the protocol has it; client libraries take a second `o` for a loss.
    let again = ask(
        relay.listen(),
        post(&format!("{}/xhr", opening.session), ""),
    )
    .await;
    assert_eq!(again.body, "o\n");
}

#[tokio::test]
async fn a_relaying_gateway_that_stops_lets_the_session_live() {
    let system = System::start().await;
    let (holder, relay) = (system.gateway(&[]).await, system.gateway(&[]).await);
    let mut opening = Client::new(Transport::Xhr, holder.listen(), holder.listen());
    opening.connect().await;
    let mut stream = Client::new(Transport::XhrStreaming, relay.listen(), holder.listen());
    stream.session = opening.session.clone();
    stream.open_stream().await;

    let (stopped, over) = tokio::join!(relay.stop(), stream.is_over());
    assert!(stopped.unwrap().success() && over);
    stream.receives_at = holder.listen();
    stream.send(&stomp::send_to_nowhere()).await;
    stomp::assert_unknown_destination(&stream.frame().await);
}

#[tokio::test]
async fn a_relaying_gateway_that_dies_interrupts_the_session() {
    let system = System::start().await;
    let (holder, relay) = (system.gateway(&[]).await, system.gateway(&[]).await);
    let mut opening = Client::new(Transport::Xhr, holder.listen(), holder.listen());
    opening.connect().await;
    let mut stream = Client::new(Transport::XhrStreaming, relay.listen(), holder.listen());
    stream.session = opening.session.clone();
    stream.open_stream().await;
    relay.kill().await;
    // What the client read is unknown, so the session must not go on as if nothing had happened.
    let ended = |line: &str| {
        (line.contains("connection ended") && line.contains("client_gone")).then_some(())
    };
    holder
        .process()
        .wait_for_line("rid of the session", crate::support::http::WAIT_MAX, ended)
        .await
        .unwrap();
    assert_eq!(opening.frame().await, INTERRUPTED);
}

#[tokio::test]
async fn a_gateway_that_stops_tells_its_sessions() {
    let system = System::start().await;
    let gateway = system.gateway(&[]).await;
    let mut client = Client::new(Transport::XhrStreaming, gateway.listen(), gateway.listen());
    client.connect().await;
    let (stopped, frame) = tokio::join!(gateway.stop(), client.frame());
    assert!(stopped.unwrap().success());
    assert!(frame.starts_with("c[1012,\"going away"), "{frame}");
}

#[tokio::test]
async fn without_nats_sessions_held_here_go_on_and_others_are_unavailable() {
    let mut system = System::start().await;
    let (holder, other) = (system.gateway(&[]).await, system.gateway(&[]).await);
    let mut client = Client::new(Transport::Xhr, holder.listen(), holder.listen());
    client.connect().await;
    system.nats.kill().await;
    for gateway in [&holder, &other] {
        let disconnected = |line: &str| line.contains("disconnected from NATS").then_some(());
        gateway
            .process()
            .wait_for_line("cut off", crate::support::http::WAIT_MAX, disconnected)
            .await
            .unwrap();
    }
    client.send(&stomp::send_to_nowhere()).await;
    stomp::assert_unknown_destination(&client.frame().await);
    let elsewhere = ask(
        other.listen(),
        post(&format!("{}/xhr_send", client.session), "[]"),
    )
    .await;
    assert_eq!(elsewhere.status(), 503);
    let fresh = ask(
        holder.listen(),
        post(&format!("{}/xhr", fresh_session()), ""),
    )
    .await;
    assert_eq!(fresh.status(), 503);
    assert!(fresh.head.find("retry-after").is_some());

    system.nats.restart().await.unwrap();
    for gateway in [&holder, &other] {
        connected(gateway, 4).await;
    }
    // The name is the holder's again.
    client.sends_to = other.listen();
    client.receives_at = other.listen();
    client.send(&stomp::send_to_nowhere()).await;
    stomp::assert_unknown_destination(&client.frame().await);
}
