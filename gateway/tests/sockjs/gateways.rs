//! Sessions whose requests come to gateways that do not hold them. A load balancer need not know of sessions.

use std::net::SocketAddr;

use crate::support::client::{Client, Transport};
use crate::support::http::{ask, post, within};
use crate::support::{STREAM_OCTETS_MAX, fresh_session, stomp, two_gateways};

const ANOTHER: &str = "c[2010,\"Another connection still open\"]";
const INTERRUPTED: &str = "c[1002,\"Connection interrupted\"]";

/// A streaming client whose session the first gateway holds and whose stream the second one relays.
async fn relayed(transport: Transport) -> Client {
    let [holder, relay] = two_gateways().await;
    let mut opening = Client::new(Transport::Xhr, holder, relay);
    opening.connect().await;
    let mut client = Client::new(transport, relay, relay);
    client.session = opening.session;
    client.open_stream().await;
    client
}

#[tokio::test]
async fn polls_and_sends_may_alternate_between_gateways() {
    let [first, second] = two_gateways().await;
    let mut client = Client::new(Transport::Xhr, first, second);
    client.connect().await;
    for turn in 0..6 {
        (client.receives_at, client.sends_to) = if turn % 2 == 0 {
            (second, first)
        } else {
            (first, second)
        };
        client.send(&stomp::send_to_nowhere()).await;
        stomp::assert_unknown_destination(&client.frame().await);
    }
}

#[tokio::test]
async fn messages_that_waited_reach_a_poll_elsewhere_in_order() {
    let [first, second] = two_gateways().await;
    let mut client = Client::new(Transport::Xhr, first, first);
    client.connect().await;
    let frames: Vec<String> = (0..5)
        .map(|n| format!("SUBSCRIBE\nid:{n}\ndestination:/user/queue/errors\nreceipt:r{n}\n\n\0"))
        .collect();
    client
        .send(&stomp::payload(
            &frames.iter().map(String::as_str).collect::<Vec<_>>(),
        ))
        .await;
    client.receives_at = second;
    let mut receipts = Vec::new();
    while receipts.len() < frames.len() {
        receipts.extend(stomp::messages(&client.frame().await));
    }
    for (n, receipt) in receipts.iter().enumerate() {
        assert!(
            receipt.contains(&format!("receipt-id:r{n}\n")),
            "{receipts:?}"
        );
    }
}

#[tokio::test]
async fn streams_are_relayed_and_end_when_enough_was_sent() {
    for transport in [
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::HtmlFile,
    ] {
        let mut client = relayed(transport).await;
        let mut octets = 0;
        // `frame` begins another stream when one ends, so this spans two.
        while octets < STREAM_OCTETS_MAX * 3 / 2 {
            client.send(&stomp::send_to_nowhere()).await;
            let frame = client.frame().await;
            stomp::assert_unknown_destination(&frame);
            octets += frame.len();
        }
    }
}

#[tokio::test]
async fn a_second_receiver_is_refused_at_whichever_gateway() {
    let [holder, relay] = two_gateways().await;
    let mut client = relayed(Transport::XhrStreaming).await;
    for gateway in [holder, relay] {
        let refused = ask(gateway, post(&format!("{}/xhr", client.session), "")).await;
        assert_eq!(refused.body.trim_end(), ANOTHER);
    }
    client.send(&stomp::send_to_nowhere()).await;
    stomp::assert_unknown_destination(&client.frame().await);
}

#[tokio::test]
async fn a_relayed_stream_that_breaks_off_interrupts_the_session() {
    let [holder, relay] = two_gateways().await;
    let mut client = relayed(Transport::XhrStreaming).await;
    client.send(&stomp::send_to_nowhere()).await;
    stomp::assert_unknown_destination(&client.frame().await);
    client.break_off();
    // The word of it may still be on its way to the holder.
    for gateway in [relay, holder, relay] {
        let mut body = ANOTHER.to_owned();
        while body.trim_end() == ANOTHER {
            body = ask(gateway, post(&format!("{}/xhr", client.session), ""))
                .await
                .body;
        }
        assert_eq!(body.trim_end(), INTERRUPTED);
        client.sends_to = gateway;
        assert_eq!(client.try_send("[\"x\"]").await, 404);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_payload_is_said_by_whichever_gateway() {
    let [first, second] = two_gateways().await;
    let client = Client::new(Transport::Xhr, first, second);
    let unknown = ask(
        second,
        post(&format!("{}/xhr_send", client.session), "[\"x\"]"),
    )
    .await;
    assert_eq!(unknown.status(), 404);
    let broken = ask(
        second,
        post(&format!("{}/xhr_send", client.session), "[\"x"),
    )
    .await;
    assert_eq!(
        (broken.status(), broken.body.as_str()),
        (500, "Broken JSON encoding.")
    );
}

async fn poll(gateway: SocketAddr, session: &str) -> String {
    let answer = ask(gateway, post(&format!("{session}/xhr"), "")).await;
    answer.body.trim_end().to_owned()
}

#[tokio::test]
async fn a_session_opened_on_two_gateways_at_once_has_one_holder_in_the_end() {
    let [first, second] = two_gateways().await;
    for _ in 0..20 {
        let session = fresh_session();
        let mut one = Box::pin(poll(first, &session));
        let mut other = Box::pin(poll(second, &session));
        // Both may open it at first. A receiver is refused only once both have come to the same session.
        let found = async {
            loop {
                tokio::select! {
                    said = &mut one => if said == ANOTHER { return } else { one.set(poll(first, &session)) },
                    said = &mut other => if said == ANOTHER { return } else { other.set(poll(second, &session)) },
                }
            }
        };
        within(found).await;
    }
}
