//! The clients that browsers use today see the four events, and are told of everything they get wrong.

use serde_json::Value;

use crate::support::javascript;
use crate::support::world::{Database, Plan, World};

/// A chat of the first migration, and somebody who is in none.
const CHAT: i64 = 4;
const USER: i64 = 17;

/// What the script gets wrong, in its order, and what it must be told.
const ERRORS: [(&str, &str, &str); 8] = [
    ("leave without join", "NOT_JOINED", "CONFLICT"),
    ("second join", "ALREADY_JOINED", "CONFLICT"),
    ("no such chat", "CHAT_NOT_FOUND", "NOT_FOUND"),
    ("no JSON", "MALFORMED_PAYLOAD", "BAD_REQUEST"),
    ("no object", "MALFORMED_PAYLOAD", "BAD_REQUEST"),
    ("wrong type", "MALFORMED_PAYLOAD", "BAD_REQUEST"),
    ("chat 0", "INVALID_FIELD", "BAD_REQUEST"),
    ("unknown destination", "UNKNOWN_DESTINATION", "NOT_FOUND"),
];

#[tokio::test]
async fn stompjs_over_a_raw_websocket_sees_it_all() {
    check(Database::Sqlite, "ws").await;
}

#[tokio::test]
async fn stompjs_over_sockjs_sees_it_all() {
    check(Database::Postgres, "http").await;
}

async fn check(database: Database, scheme: &str) {
    let world = World::start(Plan::small(database)).await;
    let url = format!("{scheme}://{}/ws", world.system.gateways[0].listen());
    let arguments = [&url, &CHAT.to_string(), &USER.to_string()];
    let seen = javascript::run("four-events.mjs", &arguments.map(String::as_str)).await;

    assert_eq!(seen["connected"], "1.2");
    check_events(&seen);
    check_errors(&seen);
    let receipts: Vec<&str> = list(&seen["receipts"]).iter().map(text).collect();
    assert_eq!(
        receipts.len(),
        2 + 4,
        "two subscriptions, four commands: {receipts:?}"
    );
    assert!(
        receipts.iter().all(|receipt| !receipt.starts_with("wrong")),
        "{receipts:?}"
    );
    assert_eq!(seen["unhandled"], serde_json::json!([]));
    assert_eq!(seen["protocolErrors"], serde_json::json!([]));
    assert_eq!(seen["closesBeforeTheEnd"], 0);
}

fn check_events(seen: &Value) {
    let events = list(&seen["events"]);
    assert_eq!(events.len(), 4, "{events:?}");
    let mut last_id = 0;
    for (event, kind) in events
        .iter()
        .zip(["JOIN", "START_TYPING", "STOP_TYPING", "LEAVE"])
    {
        let (body, headers) = (text(&event["body"]), &event["headers"]);
        let parsed: Value = serde_json::from_str(body).unwrap();
        let (id, time) = (parsed["id"].as_i64().unwrap(), text(&parsed["eventTime"]));
        assert_eq!(
            body,
            format!(
                r#"{{"id":{id},"authorId":{USER},"chatId":{CHAT},"eventType":"{kind}","eventTime":"{time}"}}"#
            )
        );
        assert!(is_event_time(time), "{time:?}");
        assert!(id > last_id, "{id} after {last_id}");
        last_id = id;
        assert_eq!(headers["message-id"], id.to_string());
        assert_eq!(headers["destination"], format!("/countries/{CHAT}/events"));
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["content-length"], body.len().to_string());
        assert!(!text(&headers["subscription"]).is_empty());
    }
}

fn check_errors(seen: &Value) {
    let errors = list(&seen["errors"]);
    assert_eq!(errors.len(), ERRORS.len(), "{errors:?}");
    for (error, (what, code, status)) in errors.iter().zip(ERRORS) {
        let body: Value = serde_json::from_str(text(&error["body"])).unwrap();
        assert_eq!(error["what"], what);
        assert_eq!(body["code"], code, "{what}: {body}");
        assert_eq!(body["httpStatus"], status, "{what}: {body}");
        assert_eq!(body["retryable"], false, "{what}: {body}");
        assert!(!text(&body["message"]).is_empty(), "{what}: {body}");
        let timestamp = text(&body["timestamp"]);
        assert!(
            timestamp.strip_suffix('Z').is_some_and(is_date_time),
            "{timestamp:?}"
        );
        let destination = text(&body["destination"]);
        assert!(destination.starts_with("/chat/events."), "{what}: {body}");
        assert_eq!(error["headers"]["receipt-id"], format!("wrong-{what}"));
    }
}

/// `2024-08-11T08:50:59` with a fraction of one to six digits that does not end in 0, or none.
fn is_event_time(text: &str) -> bool {
    is_date_time(text) && !(text.contains('.') && text.ends_with('0'))
}

/// `2024-08-11T08:50:59` with a fraction of one to six digits, or none.
fn is_date_time(text: &str) -> bool {
    let (seconds, fraction) = match text.split_once('.') {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (text, None),
    };
    let shape: String = seconds
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let fraction_fits = fraction.is_none_or(|digits| {
        (1..=6).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    });
    shape == "0000-00-00T00:00:00" && fraction_fits
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
