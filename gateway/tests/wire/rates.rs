//! How fast clients may send and subscribe, and what becomes of those who do not care.

use crate::support::script::{Client, VERSIONS, join, unsolicited};
use crate::support::{fresh_chat, gateway_with, metric};

const LIMITED: &str = "RATE_LIMITED Too many requests in a short time; it did not take effect";

#[tokio::test]
async fn a_send_too_many_is_refused_without_receipt_and_the_session_goes_on() {
    // The last part of this asks far too often, which is another test's matter.
    let settings = [
        "--session-sends-per-second-max=1",
        "--session-refusals-per-minute-max=0",
    ];
    let gateway = gateway_with(&settings).await;
    for version in VERSIONS {
        let mut client = Client::connected(gateway.listen(), version).await;
        let mut other = Client::connected(gateway.listen(), version).await;
        let (chat, mut refused) = (fresh_chat(), 0);
        for number in 0..20 {
            let receipt = format!("|receipt:{number}");
            client.send(&join(chat, &receipt)).await;
            let answer = client.next().await;
            if answer == format!("RECEIPT|receipt-id:{number}") {
                continue;
            }
            refused += 1;
            let expected = unsolicited(refused, &format!("|receipt-id:{number}"), LIMITED);
            assert_eq!(answer, expected);
            assert!(number >= 5, "the burst passes");
        }
        assert!(refused > 0);
        // Everybody has a bucket of their own, and it fills again.
        other
            .check(&join(chat, "|receipt:o"), &["RECEIPT|receipt-id:o"])
            .await;
        loop {
            client.send(&join(chat, "|receipt:again")).await;
            if client.next().await == "RECEIPT|receipt-id:again" {
                break;
            }
        }
    }
}

#[tokio::test]
async fn the_refusal_says_when_to_try_again() {
    let gateway = gateway_with(&["--session-sends-per-second-max", "1"]).await;
    let mut client = Client::connected(gateway.listen(), "1.2").await;
    for number in 0..6 {
        client
            .send(&format!("SEND|destination:/nowhere|receipt:{number}"))
            .await;
    }
    for _ in 0..5 {
        assert!(client.next().await.contains("UNKNOWN_DESTINATION"));
    }
    let message = client.socket.receive().await.unwrap();
    let text = String::from_utf8(message.payload).unwrap();
    let body = text.split_once("\n\n").unwrap().1.trim_end_matches('\0');
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["code"], "RATE_LIMITED");
    assert_eq!(body["httpStatus"], "TOO_MANY_REQUESTS");
    assert_eq!(body["retryable"], true);
    let retry_after = body["retryAfterMs"].as_u64().unwrap();
    assert!((1..=1_001).contains(&retry_after), "{body}");
}

#[tokio::test]
async fn subscribing_has_a_rate_too() {
    let gateway = gateway_with(&["--session-subscribes-per-second-max", "1"]).await;
    let mut client = Client::connected(gateway.listen(), "1.2").await;
    let (mut established, mut refused) = (0, 0);
    for number in 0..20 {
        client
            .send(&format!(
                "SUBSCRIBE|id:{number}|destination:/countries/{}/events|receipt:r",
                fresh_chat()
            ))
            .await;
        match client.next().await {
            answer if answer == "RECEIPT|receipt-id:r" => established += 1,
            answer => {
                refused += 1;
                assert_eq!(answer, unsolicited(refused, "|receipt-id:r", LIMITED));
            }
        }
    }
    assert!(established >= 5 && refused > 0, "{established} {refused}");
}

#[tokio::test]
async fn typing_that_is_repeated_is_told_once_if_so_wanted() {
    let gateway = gateway_with(&["--typing-interval-min", "1h"]).await;
    let mut client = Client::connected(gateway.listen(), "1.2").await;
    let chat = fresh_chat();
    let subscribe = format!("SUBSCRIBE|id:a|destination:/countries/{chat}/events|receipt:s");
    client.check(&subscribe, &["RECEIPT|receipt-id:s"]).await;
    let typing = |verb: &str| join(chat, "|receipt:r").replace("joinChat", verb);
    let mut events = Vec::new();
    for verb in ["startTyping", "startTyping", "startTyping", "stopTyping"] {
        client.send(&typing(verb)).await;
        // The event and the RECEIPT may come in either order.
        loop {
            let frame = client.next().await;
            if frame == "RECEIPT|receipt-id:r" {
                break;
            }
            events.push(frame);
        }
    }
    while events.len() < 2 {
        events.push(client.next().await);
    }
    assert!(events[0].contains("START_TYPING"), "{events:?}");
    assert!(events[1].contains("STOP_TYPING"), "{events:?}");
    let repetitions = metric(&gateway, "gateway_typing_repetitions_total").await;
    assert!((repetitions - 2.0).abs() < f64::EPSILON, "{repetitions}");
}

#[tokio::test]
async fn who_goes_on_in_spite_of_refusals_is_closed_and_nobody_else() {
    let settings = [
        "--session-sends-per-second-max=1",
        "--session-refusals-per-minute-max=3",
    ];
    let gateway = gateway_with(&settings).await;
    let mut offender = Client::connected(gateway.listen(), "1.2").await;
    let mut other = Client::connected(gateway.listen(), "1.2").await;
    for _ in 0..20 {
        // It is closed in the midst of it.
        let send = crate::support::script::frame("SEND|destination:/nowhere");
        let octets = crate::support::socket::ws_frame(crate::support::socket::TEXT, send).encode();
        let _ = offender.socket.try_write(&octets).await;
    }
    let heard = offender.rest().await;
    let (last, before) = heard.split_at(heard.len() - 2);
    assert!(
        last.iter()
            .filter(|answer| answer.contains(LIMITED))
            .count()
            >= 4,
        "{heard:?}"
    );
    assert_eq!(
        before,
        ["ERROR|message:RATE_LIMITED", "close 4429 rate limited"]
    );
    other
        .check("BEGIN|transaction:t|receipt:r", &["RECEIPT|receipt-id:r"])
        .await;
}
