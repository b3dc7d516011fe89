//! MESSAGE frames with events (contract section 4).

use crate::support::peer::{PACKED_EVENTS, PACKING_CHAT};
use crate::support::script::{Client, VERSIONS, frame, join};
use crate::support::socket::{BINARY, ws_frame};
use crate::support::{fresh_chat, gateway};

/// A client that is subscribed to a chat.
async fn subscribed(version: &str, chat: i64, headers: &str) -> Client {
    let mut client = Client::connected(gateway().await, version).await;
    let line = format!("SUBSCRIBE|id:a|destination:/countries/{chat}/events{headers}|receipt:s");
    client.check(&line, &["RECEIPT|receipt-id:s"]).await;
    client
}

fn message_id(message: &str) -> &str {
    let (_, rest) = message.split_once("|message-id:").unwrap();
    rest.split('|').next().unwrap()
}

#[tokio::test]
async fn an_event_is_one_message_to_the_octet() {
    for version in VERSIONS {
        let chat = fresh_chat();
        let mut client = subscribed(version, chat, "").await;
        client.send(&join(chat, "")).await;
        let frame = client.socket.receive().await.unwrap();
        let text = String::from_utf8(frame.payload).unwrap();
        let (head, rest) = text.split_once("\n\n").unwrap();
        let body = rest.strip_suffix('\0').unwrap();
        let id = message_id(&head.replace('\n', "|")).to_owned();
        let expected = format!(
            "MESSAGE\nsubscription:a\nmessage-id:{id}\ndestination:/countries/{chat}/events\n\
             content-type:application/json\ncontent-length:{}",
            body.len()
        );
        assert_eq!(head, expected);
        let start =
            format!(r#"{{"id":{id},"authorId":1,"chatId":{chat},"eventType":"JOIN","eventTime":""#);
        assert!(body.starts_with(&start) && body.ends_with("\"}"), "{body}");
    }
}

#[tokio::test]
async fn each_kind_of_event_arrives_in_order_with_growing_ids() {
    each_kind_in_order(fresh_chat()).await;
}

#[tokio::test]
async fn events_that_share_a_message_on_the_bus_arrive_one_by_one() {
    each_kind_in_order(PACKING_CHAT).await;
}

/// As many as [`PACKED_EVENTS`].
async fn each_kind_in_order(chat: i64) {
    let mut client = subscribed("1.2", chat, "").await;
    let kinds: [_; PACKED_EVENTS] = [
        ("joinChat", "JOIN"),
        ("startTyping", "START_TYPING"),
        ("stopTyping", "STOP_TYPING"),
        ("leaveChat", "LEAVE"),
    ];
    for (name, _) in kinds {
        client.send(&join(chat, "").replace("joinChat", name)).await;
    }
    let mut last = 0;
    for (_, kind) in kinds {
        let message = client.next().await;
        assert!(
            message.contains(&format!("\"eventType\":\"{kind}\"")),
            "{message}"
        );
        let id: i64 = message_id(&message).parse().unwrap();
        assert!(id > last, "{id} after {last}");
        last = id;
    }
}

#[tokio::test]
async fn subscriptions_to_one_destination_each_get_every_event() {
    for version in VERSIONS {
        let chat = fresh_chat();
        let mut client = subscribed(version, chat, "").await;
        let second = format!("SUBSCRIBE|id:b|destination:/countries/{chat}/events|receipt:s");
        client.check(&second, &["RECEIPT|receipt-id:s"]).await;
        client.send(&join(chat, "")).await;
        let mut ids: Vec<String> = Vec::new();
        for _ in 0..2 {
            let message = client.next().await;
            ids.push(message.split('|').nth(1).unwrap().to_owned());
        }
        ids.sort();
        assert_eq!(ids, ["subscription:a", "subscription:b"]);
        client
            .check("UNSUBSCRIBE|id:a|receipt:u", &["RECEIPT|receipt-id:u"])
            .await;
        client.send(&join(chat, "|receipt:j")).await;
        let mut answers = [client.next().await, client.next().await];
        answers.sort();
        assert!(
            answers[0].starts_with("MESSAGE|subscription:b|"),
            "{answers:?}"
        );
        assert_eq!(answers[1], "RECEIPT|receipt-id:j");
    }
}

#[tokio::test]
async fn only_messages_that_need_it_have_an_ack_header() {
    for (version, mode, wanted) in [
        ("1.0", "client", false),
        ("1.1", "client", false),
        ("1.1", "client-individual", false),
        ("1.2", "auto", false),
        ("1.2", "client", true),
        ("1.2", "client-individual", true),
    ] {
        let chat = fresh_chat();
        let mut client = subscribed(version, chat, &format!("|ack:{mode}")).await;
        client.send(&join(chat, "")).await;
        let message = client.next().await;
        assert_eq!(
            message.contains("|ack:"),
            wanted,
            "{mode} in {version}: {message}"
        );
    }
}

#[tokio::test]
async fn a_client_that_subscribes_and_joins_in_one_go_sees_its_join() {
    for version in VERSIONS {
        let chat = fresh_chat();
        let mut client = Client::connected(gateway().await, version).await;
        let subscribe = format!("SUBSCRIBE|id:a|destination:/countries/{chat}/events");
        let stream = frame(&subscribe) + &frame(&join(chat, ""));
        client.socket.send(&ws_frame(BINARY, stream)).await;
        let message = client.next().await;
        assert!(message.starts_with("MESSAGE|subscription:a|"), "{message}");
    }
}

#[tokio::test]
async fn others_see_what_one_client_does_and_only_in_that_chat() {
    let (chat, other) = (fresh_chat(), fresh_chat());
    let mut sender = Client::connected(gateway().await, "1.2").await;
    let mut here = subscribed("1.1", chat, "").await;
    let mut elsewhere = subscribed("1.0", other, "").await;
    sender
        .check(&join(chat, "|receipt:j"), &["RECEIPT|receipt-id:j"])
        .await;
    assert!(here.next().await.starts_with("MESSAGE|"));
    elsewhere
        .check(
            "DISCONNECT|receipt:d",
            &["RECEIPT|receipt-id:d", "close 1000 disconnected"],
        )
        .await;
}
