//! `docs/asyncapi.yaml` and the enums that it speaks of. Whether it tells the truth about the wire is what
//! `e2e/tests/it/asyncapi.rs` tests.

use std::collections::BTreeSet;

use gateway::destination::{self, Source};
use gateway::disconnect::Disconnect;
use gateway::refusal::{About, Refusal};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::error_code::ErrorCode;
use shared::event::EventType;
use shared::id::{ChatId, UserId};

fn document() -> Value {
    yaml_serde::from_str(include_str!("../../../docs/asyncapi.yaml")).unwrap()
}

/// Removes what is for people from the rows of a table.
fn without(field: &str, rows: &Value) -> Vec<Value> {
    let mut rows = rows.as_array().unwrap().clone();
    for row in &mut rows {
        let explanation = row.as_object_mut().unwrap().remove(field).unwrap();
        assert!(!explanation.as_str().unwrap().is_empty(), "{row}");
    }
    rows
}

#[test]
fn every_error_code_is_there() {
    let document = document();
    let expected: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| {
            json!({
                "code": code.name(), "httpStatus": code.status_name(), "number": code.status(),
                "retryable": code.retryable(),
            })
        })
        .collect();
    assert_eq!(without("when", &document["x-error-codes"]), expected);
    let names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(
        document["components"]["schemas"]["ErrorCode"]["enum"],
        json!(names)
    );
}

#[test]
fn every_reason_to_close_is_there() {
    let expected: Vec<_> = Disconnect::ALL
        .iter()
        .map(|reason| {
            json!({
                "reason": reason.name(), "code": reason.code(), "reconnect": reason.reconnect(),
                "text": reason.reason().replace("in 0 ms", "in N ms"),
            })
        })
        .collect();
    assert_eq!(document()["x-close-reasons"], json!(expected));
}

#[test]
fn every_event_type_is_there() {
    let names: Vec<_> = EventType::ALL.iter().map(|kind| kind.name()).collect();
    let schemas = &document()["components"]["schemas"];
    assert_eq!(schemas["EventType"]["enum"], json!(names));
}

#[test]
fn every_destination_is_there_with_its_operation() {
    let document = document();
    let (mut sent, mut sources) = (BTreeSet::new(), BTreeSet::new());
    for (name, operation) in document["operations"].as_object().unwrap() {
        let channel = operation["channel"]["$ref"].as_str().unwrap();
        let channel = &document.pointer(channel.trim_start_matches('#')).unwrap();
        let Some(address) = channel["address"].as_str() else {
            continue;
        };
        if operation["action"] == "receive" {
            let kind = destination::event_type(address);
            sent.insert(kind.unwrap_or_else(|| panic!("{name}: {address}")).name());
        } else {
            let filled = address.replace("{chatId}", "4").replace("{userId}", "1");
            // The compiler says when there is another one.
            sources.insert(match destination::source(&filled).unwrap() {
                Source::Chat(_) => "chat",
                Source::OwnErrors => "own errors",
                Source::ErrorsOf(_) => "errors of",
                Source::SessionNotices => "session notices",
            });
        }
    }
    let kinds: BTreeSet<_> = EventType::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(sent, kinds);
    assert_eq!(sources.len(), 3, "{sources:?}");
}

/// Codes that `e2e/tests/it/asyncapi.rs` cannot provoke; all others it wants to see on the wire.
#[test]
fn examples_that_no_system_was_brought_to_are_as_the_gateway_writes_them() {
    let (author, chat) = (UserId::try_from(1).unwrap(), ChatId::try_from(4).unwrap());
    let document = document();
    let examples = &document["components"]["messages"]["error"]["examples"];
    for code in [
        ErrorCode::Unauthorized,
        ErrorCode::AuthorMismatch,
        ErrorCode::Forbidden,
        ErrorCode::RateLimited,
        ErrorCode::Expired,
    ] {
        let mut examples = examples.as_array().unwrap().iter();
        let example = examples.find(|example| example["name"] == code.name());
        let payload = &example.unwrap()["payload"];
        let about = About {
            destination: payload["destination"].as_str().unwrap(),
            chat: Some(chat),
            author: Some(author),
        };
        // 2024-08-16T17:26:57.660207Z, the time of all examples.
        let time = Timestamp::from_micros(1_723_829_217_660_207);
        let body = Refusal::for_outcome(code, author, chat).body(about, time);
        assert_eq!(*payload, serde_json::from_str::<Value>(&body).unwrap());
    }
}

#[test]
fn every_error_code_has_an_example() {
    let document = document();
    let examples = document["components"]["messages"]["error"]["examples"].as_array();
    let names: BTreeSet<_> = examples
        .unwrap()
        .iter()
        .map(|example| example["name"].as_str().unwrap())
        .collect();
    let codes: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names, codes);
}
