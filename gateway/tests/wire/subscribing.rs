//! SUBSCRIBE and UNSUBSCRIBE (STOMP 1.2), and what cannot be subscribed to (contract section 5).

use crate::support::peer::MISSING_CHATS;
use crate::support::script::{Client, VERSIONS, VIOLATION, check_lines, join, unsolicited};
use crate::support::{fresh_chat, gateway};

#[tokio::test]
async fn each_destination_can_be_subscribed_to_in_every_version_and_mode() {
    for version in VERSIONS {
        for destination in [
            format!("/countries/{}/events", fresh_chat()),
            "/user/queue/errors".to_owned(),
            "/user/7/errors".to_owned(),
            "/user/queue/session".to_owned(),
        ] {
            for ack in ["", "|ack:auto", "|ack:client", "|ack:client-individual"] {
                let line = format!("SUBSCRIBE|id:a|destination:{destination}{ack}|receipt:s");
                let expected: &[&str] = match (version, ack) {
                    ("1.0", "|ack:client-individual") => &[
                        "ERROR|message:The ack header of SUBSCRIBE has a value that this version does not know|receipt-id:s",
                        VIOLATION,
                    ],
                    _ => &["RECEIPT|receipt-id:s"],
                };
                check_lines(version, &[&line], expected).await;
            }
        }
    }
}

#[tokio::test]
async fn what_breaks_the_rules_is_a_violation() {
    for (versions, line, error) in [
        (
            &VERSIONS[..],
            "SUBSCRIBE|id:a",
            "SUBSCRIBE needs the header destination",
        ),
        (
            &VERSIONS[1..],
            "SUBSCRIBE|destination:/user/queue/errors",
            "SUBSCRIBE needs the header id",
        ),
        (
            &VERSIONS[1..],
            "UNSUBSCRIBE|destination:/user/queue/errors",
            "UNSUBSCRIBE needs the header id",
        ),
        (
            &VERSIONS[..1],
            "UNSUBSCRIBE",
            "UNSUBSCRIBE needs the header destination",
        ),
        (
            &VERSIONS[..],
            "SUBSCRIBE|id:a|destination:/user/queue/errors|ack:often",
            "The ack header of SUBSCRIBE has a value that this version does not know",
        ),
        (
            &VERSIONS[..],
            "SUBSCRIBE|id:a|destination:/user/queue/errors|ack:Auto",
            "The ack header of SUBSCRIBE has a value that this version does not know",
        ),
    ] {
        for version in versions {
            let error = format!("ERROR|message:{error}|receipt-id:r");
            check_lines(
                version,
                &[&format!("{line}|receipt:r")],
                &[&error, VIOLATION],
            )
            .await;
        }
    }
}

#[tokio::test]
async fn ids_are_unique_and_free_again_after_unsubscribe() {
    for version in VERSIONS {
        let subscribe = "SUBSCRIBE|id:a|destination:/user/queue/errors|receipt:r";
        let error = "ERROR|message:There is already a subscription with this id|receipt-id:r";
        check_lines(
            version,
            &[subscribe, subscribe],
            &["RECEIPT|receipt-id:r", error, VIOLATION],
        )
        .await;
        let lines = [subscribe, "UNSUBSCRIBE|id:a|receipt:u", subscribe];
        let expected = [
            "RECEIPT|receipt-id:r",
            "RECEIPT|receipt-id:u",
            "RECEIPT|receipt-id:r",
        ];
        check_lines(version, &lines, &expected).await;
    }
}

#[tokio::test]
async fn unsubscribing_what_is_not_subscribed_does_no_harm() {
    for version in VERSIONS {
        check_lines(
            version,
            &["UNSUBSCRIBE|id:nothing|receipt:u"],
            &["RECEIPT|receipt-id:u"],
        )
        .await;
    }
    let line = "UNSUBSCRIBE|destination:/user/queue/errors|receipt:u";
    check_lines("1.0", &[line], &["RECEIPT|receipt-id:u"]).await;
}

#[tokio::test]
async fn in_1_0_a_subscription_needs_no_id_and_ends_by_its_destination() {
    let chat = fresh_chat();
    let destination = format!("/countries/{chat}/events");
    let mut client = Client::connected(gateway().await, "1.0").await;
    let subscribe = format!("SUBSCRIBE|destination:{destination}|receipt:s||ignored");
    client.check(&subscribe, &["RECEIPT|receipt-id:s"]).await;
    client.send(&join(chat, "")).await;
    let message = client.next().await;
    assert!(message.starts_with("MESSAGE|message-id:"), "{message}");
    assert!(!message.contains("|subscription:"), "{message}");
    let unsubscribe = format!("UNSUBSCRIBE|destination:{destination}|receipt:u");
    client.check(&unsubscribe, &["RECEIPT|receipt-id:u"]).await;
    client
        .check(&join(chat, "|receipt:j"), &["RECEIPT|receipt-id:j"])
        .await;
    client
        .check(
            "DISCONNECT|receipt:d",
            &["RECEIPT|receipt-id:d", "close 1000 disconnected"],
        )
        .await;
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_reported_and_the_session_goes_on() {
    let positive = "must be a positive integer";
    for (headers, error) in [
        (
            "|destination:/topic/x".to_owned(),
            "UNKNOWN_DESTINATION There is nothing to subscribe to at /topic/x".to_owned(),
        ),
        (
            "|destination:".to_owned(),
            "UNKNOWN_DESTINATION There is nothing to subscribe to at ".to_owned(),
        ),
        (
            "|destination:/countries/0/events".to_owned(),
            format!("INVALID_FIELD Field chatId {positive}"),
        ),
        (
            "|destination:/countries/-1/events".to_owned(),
            format!("INVALID_FIELD Field chatId {positive}"),
        ),
        (
            "|destination:/countries/abc/events".to_owned(),
            format!("INVALID_FIELD Field chatId {positive}"),
        ),
        (
            "|destination:/countries/9223372036854775808/events".to_owned(),
            format!("INVALID_FIELD Field chatId {positive}"),
        ),
        (
            "|destination:/user/0/errors".to_owned(),
            format!("INVALID_FIELD Field userId {positive}"),
        ),
        (
            format!("|destination:/countries/{MISSING_CHATS}/events"),
            format!("CHAT_NOT_FOUND Chat {MISSING_CHATS} does not exist"),
        ),
        (
            "|destination:/countries/1/events|last-event-id:x".to_owned(),
            format!("INVALID_FIELD Field last-event-id {positive}"),
        ),
    ] {
        for version in VERSIONS {
            let line = format!("SUBSCRIBE|id:a{headers}|receipt:r");
            let expected = unsolicited(1, "|receipt-id:r", &error);
            check_lines(version, &[&line], &[&expected]).await;
        }
    }
}

#[tokio::test]
async fn a_refused_subscription_leaves_its_id_free() {
    for version in VERSIONS {
        let missing = format!("SUBSCRIBE|id:a|destination:/countries/{MISSING_CHATS}/events");
        let error = unsolicited(
            1,
            "",
            &format!("CHAT_NOT_FOUND Chat {MISSING_CHATS} does not exist"),
        );
        let lines = [
            &missing,
            "SUBSCRIBE|id:a|destination:/user/queue/errors|receipt:r",
        ];
        check_lines(version, &lines, &[&error, "RECEIPT|receipt-id:r"]).await;
    }
}
