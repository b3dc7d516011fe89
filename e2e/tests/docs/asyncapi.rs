//! `docs/asyncapi.yaml` and the enums that it speaks of. Whether it tells the truth about the wire is what
//! `e2e/tests/it/asyncapi.rs` tests.

use std::collections::BTreeSet;

use gateway::destination::{self, Source};
use gateway::disconnect::Disconnect;
use gateway::stomp::Command;
use serde_json::{Value, json};
use shared::error_code::ErrorCode;
use shared::event::EventType;

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
            let kind = destination::event_type(address).map(EventType::name);
            let token = (address == destination::SESSION_TOKEN).then_some("token");
            let meant = kind.or(token);
            sent.insert(meant.unwrap_or_else(|| panic!("{name}: {address}")));
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
    let kinds = EventType::ALL.iter().map(|kind| kind.name());
    assert_eq!(sent, kinds.chain(["token"]).collect());
    let all = ["chat", "own errors", "errors of", "session notices"];
    assert_eq!(sources, all.into());
}

#[test]
fn every_frame_is_there_that_clients_may_send() {
    let document = document();
    let operations = document["operations"].as_object().unwrap();
    let received = operations
        .values()
        .filter(|operation| operation["action"] == "receive");
    let messages = received.flat_map(|operation| operation["messages"].as_array().unwrap());
    let resolve = |reference: &Value| {
        let reference = reference["$ref"].as_str().unwrap();
        document.pointer(reference.trim_start_matches('#')).unwrap()
    };
    // Of a channel, and then of the components. A title starts with the frame's command.
    let titles = messages.map(|message| resolve(resolve(message))["title"].as_str().unwrap());
    let documented: BTreeSet<_> = titles
        .map(|title| title.split(' ').next().unwrap())
        .collect();
    let known = Command::ALL.iter().map(|command| command.name());
    // Which is CONNECT under another name.
    let known = known.filter(|name| *name != "STOMP");
    assert_eq!(documented, known.collect());
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
