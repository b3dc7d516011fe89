//! A client that does not read what it asked for.

use crate::support::peer::LOUD_CHAT;
use crate::support::script::{Client, join};
use crate::support::{WAIT_MAX, gateway_with};

/// Enough events of a loud chat to fill every buffer on the way and the queue behind them.
const EVENTS: usize = 120;

/// Has enough happen in the loud chat, and waits until all of it is published.
async fn make_noise(server: std::net::SocketAddr) {
    let mut sender = Client::connected(server, "1.2").await;
    for number in 0..EVENTS {
        let receipt = format!("RECEIPT|receipt-id:{number}");
        sender
            .check(&join(LOUD_CHAT, &format!("|receipt:{number}")), &[&receipt])
            .await;
    }
}

async fn subscribed(server: std::net::SocketAddr) -> Client {
    let mut reader = Client::connected(server, "1.2").await;
    let line = format!("SUBSCRIBE|id:a|destination:/countries/{LOUD_CHAT}/events|receipt:s");
    reader.check(&line, &["RECEIPT|receipt-id:s"]).await;
    reader
}

#[tokio::test]
async fn a_slow_client_gets_a_gapless_beginning_and_then_the_reason() {
    let gateway = gateway_with(&["--write-max", "20s"]).await;
    let mut reader = subscribed(gateway.listen()).await;
    make_noise(gateway.listen()).await;
    let mut rest = reader.rest().await;
    assert_eq!(rest.pop().unwrap(), "close 4002 slow consumer");
    assert!(
        !rest.is_empty() && rest.len() < EVENTS,
        "{} events",
        rest.len()
    );
    let ids: Vec<i64> = rest
        .iter()
        .map(|message| {
            let (_, rest) = message.split_once("|message-id:").unwrap();
            rest.split('|').next().unwrap().parse().unwrap()
        })
        .collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_at_all_is_given_up() {
    let gateway = gateway_with(&["--write-max", "500ms", "--log", "info"]).await;
    let reader = subscribed(gateway.listen()).await;
    make_noise(gateway.listen()).await;
    let given_up = |line: &str| line.contains("\"reason\":\"slow_consumer\"").then_some(());
    gateway
        .process()
        .wait_for_line("rid of its slow client", WAIT_MAX, given_up)
        .await
        .unwrap();
    drop(reader);
}
