//! Whether what a client library saw is what the contract promises (sections 4 and 5), for the commands of
//! `e2e/clients/steps.json`.

use serde_json::{Value, json};

use super::contract::CONTRACT;

const STEPS: &str = include_str!("../../../clients/steps.json");

/// Checks what a client saw in this chat, in which it sent as this user.
pub(crate) fn judge(seen: &Value, chat: i64, user: i64) {
    let steps: Value = serde_json::from_str(STEPS).unwrap();
    let (right, wrong): (Vec<&Value>, Vec<&Value>) = list(&steps)
        .iter()
        .partition(|step| step.get("event").is_some());
    check_receipts(seen, chat, &right);
    check_events(seen, chat, user, &right);
    check_errors(seen, &wrong);
    assert_eq!(seen["faults"], json!([]));
}

/// One for each subscription and each right command, none for a wrong one.
fn check_receipts(seen: &Value, chat: i64, right: &[&Value]) {
    let mut expected = vec![
        json!(format!("/countries/{chat}/events")),
        json!("/user/queue/errors"),
    ];
    expected.extend(right.iter().map(|step| step["name"].clone()));
    assert_eq!(seen["receipts"], json!(expected));
}

fn check_events(seen: &Value, chat: i64, user: i64, right: &[&Value]) {
    let events = list(&seen["events"]);
    assert_eq!(events.len(), right.len(), "{events:?}");
    let mut last_id = 0;
    for (event, step) in events.iter().zip(right) {
        let (body, headers) = (text(&event["body"]), &event["headers"]);
        CONTRACT.check("MESSAGE", headers, body);
        let parsed: Value = serde_json::from_str(body).unwrap();
        let (id, time) = (parsed["id"].as_i64().unwrap(), text(&parsed["eventTime"]));
        let kind = text(&step["event"]);
        assert_eq!(
            body,
            format!(
                r#"{{"id":{id},"authorId":{user},"chatId":{chat},"eventType":"{kind}","eventTime":"{time}"}}"#
            )
        );
        assert!(is_event_time(time), "{time:?}");
        assert!(id > last_id, "{id} after {last_id}");
        last_id = id;
        assert_eq!(headers["message-id"], id.to_string());
        assert_eq!(headers["destination"], format!("/countries/{chat}/events"));
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["content-length"], body.len().to_string());
        assert!(!text(&headers["subscription"]).is_empty());
    }
}

fn check_errors(seen: &Value, wrong: &[&Value]) {
    let errors = list(&seen["errors"]);
    assert_eq!(errors.len(), wrong.len(), "{errors:?}");
    for (error, step) in errors.iter().zip(wrong) {
        CONTRACT.check("MESSAGE", &error["headers"], text(&error["body"]));
        let body: Value = serde_json::from_str(text(&error["body"])).unwrap();
        assert_eq!(error["headers"]["receipt-id"], step["name"]);
        assert_eq!(body["code"], step["error"], "{step}: {body}");
        assert_eq!(body["httpStatus"], step["httpStatus"], "{step}: {body}");
        assert_eq!(body["retryable"], false, "{step}: {body}");
        assert!(!text(&body["message"]).is_empty(), "{step}: {body}");
        let sent_to = format!("/chat/events.{}", text(&step["to"]));
        assert_eq!(body["destination"], sent_to, "{step}: {body}");
        let timestamp = text(&body["timestamp"]);
        assert!(
            timestamp.strip_suffix('Z').is_some_and(is_date_time),
            "{timestamp:?}"
        );
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
