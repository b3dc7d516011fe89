//! `XhrPolling` and `JsonPolling`: requests whose responses hold one frame.

use std::net::SocketAddr;

use crate::support::http::{Answer, ask, get, post};
use crate::support::{fresh_session, gateway, stomp};

const NOT_CACHED: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
const FORM: &str = "application/x-www-form-urlencoded";

async fn poll(server: SocketAddr, session: &str) -> String {
    let answer = ask(server, post(&format!("{session}/xhr"), "")).await;
    assert_eq!(answer.status(), 200);
    answer
        .body
        .strip_suffix('\n')
        .expect("a newline ends the frame")
        .to_owned()
}

async fn jsonp_poll(server: SocketAddr, session: &str) -> String {
    let answer = ask(server, get(&format!("{session}/jsonp?c=x"))).await;
    assert_eq!(answer.status(), 200);
    let call = answer
        .body
        .strip_prefix("/**/x(")
        .and_then(|rest| rest.strip_suffix(");\r\n"));
    serde_json::from_str(call.unwrap_or_else(|| panic!("no call: {:?}", answer.body))).unwrap()
}

async fn jsonp_send(server: SocketAddr, session: &str, content_type: &str, body: &str) -> Answer {
    ask(
        server,
        post(&format!("{session}/jsonp_send"), body).header("Content-Type", content_type),
    )
    .await
}

fn form(payload: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("d", payload)
        .finish()
}

#[tokio::test]
async fn xhr_opens_takes_messages_and_polls_them() {
    let (server, session) = (gateway().await, fresh_session());
    let open = ask(
        server,
        post(&format!("{session}/xhr"), "").header("Origin", "test"),
    )
    .await;
    assert_eq!((open.status(), open.body.as_str()), (200, "o\n"));
    assert_eq!(
        open.head.compact("content-type"),
        "application/javascript;charset=UTF-8"
    );
    let taken = ask(
        server,
        post(&format!("{session}/xhr_send"), &stomp::connect()).header("Origin", "test"),
    )
    .await;
    assert_eq!((taken.status(), taken.body.as_str()), (204, ""));
    assert_eq!(
        taken.head.compact("content-type"),
        "text/plain;charset=UTF-8"
    );
    for answer in [&open, &taken] {
        assert_eq!(answer.head.find("cache-control"), Some(NOT_CACHED));
        assert_eq!(
            answer.head.find("access-control-allow-origin"),
            Some("test")
        );
        assert_eq!(
            answer.head.find("access-control-allow-credentials"),
            Some("true")
        );
    }
    stomp::assert_message(&poll(server, &session).await, "CONNECTED\n");
}

#[tokio::test]
async fn xhr_send_names_what_is_wrong_with_a_payload_and_the_session_goes_on() {
    let (server, session) = (gateway().await, fresh_session());
    assert_eq!(poll(server, &session).await, "o");
    let send = format!("{session}/xhr_send");
    for (body, text) in [
        ("[\"x", "Broken JSON encoding."),
        ("", "Payload expected."),
        ("{}", "Broken JSON encoding."),
        ("[1]", "Broken JSON encoding."),
        ("[null]", "Broken JSON encoding."),
        ("[[]]", "Broken JSON encoding."),
    ] {
        let answer = ask(server, post(&send, body)).await;
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (500, text),
            "{body}"
        );
    }
    assert_eq!(
        ask(server, post(&send, &stomp::connect())).await.status(),
        204
    );
    stomp::assert_message(&poll(server, &session).await, "CONNECTED\n");
}

#[tokio::test]
async fn xhr_send_takes_any_content_type_and_joins_what_waits() {
    let (server, session) = (gateway().await, fresh_session());
    assert_eq!(poll(server, &session).await, "o");
    let send = format!("{session}/xhr_send");
    assert_eq!(
        ask(server, post(&send, &stomp::connect())).await.status(),
        204
    );
    stomp::assert_message(&poll(server, &session).await, "CONNECTED\n");
    let types = [
        "text/plain",
        "T",
        "application/json",
        "application/xml",
        "",
        "application/json; charset=utf-8",
        "text/xml; charset=utf-8",
        "text/xml",
    ];
    for content_type in types {
        let taken = ask(
            server,
            post(&send, &stomp::send_to_nowhere()).header("Content-Type", content_type),
        )
        .await;
        assert_eq!(
            (taken.status(), taken.body.as_str()),
            (204, ""),
            "{content_type}"
        );
    }
    let mut received = Vec::new();
    while received.len() < types.len() {
        received.extend(stomp::messages(&poll(server, &session).await));
    }
    assert!(
        received
            .iter()
            .all(|message| message.starts_with("MESSAGE\n")),
        "{received:?}"
    );
}

#[tokio::test]
async fn payloads_without_messages_are_taken() {
    let (server, session) = (gateway().await, fresh_session());
    assert_eq!(poll(server, &session).await, "o");
    let send = format!("{session}/xhr_send");
    assert_eq!(ask(server, post(&send, "[]")).await.status(), 204);
    assert_eq!(
        jsonp_send(server, &session, FORM, &form("[]")).await.body,
        "ok"
    );
    assert_eq!(
        ask(server, post(&send, &stomp::connect())).await.status(),
        204
    );
    stomp::assert_message(&poll(server, &session).await, "CONNECTED\n");
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_too_large_and_the_session_goes_on() {
    let (server, session) = (gateway().await, fresh_session());
    assert_eq!(poll(server, &session).await, "o");
    let send = format!("{session}/xhr_send");
    let body = format!("[\"{}\"]", "x".repeat(128 << 10));
    assert_eq!(ask(server, post(&send, &body)).await.status(), 413);
    assert_eq!(
        ask(server, post(&send, &stomp::connect())).await.status(),
        204
    );
    stomp::assert_message(&poll(server, &session).await, "CONNECTED\n");
}

#[tokio::test]
async fn jsonp_opens_takes_forms_and_polls() {
    let (server, session) = (gateway().await, fresh_session());
    let open = ask(server, get(&format!("{session}/jsonp?c=%63allback"))).await;
    assert_eq!(
        (open.status(), open.body.as_str()),
        (200, "/**/callback(\"o\");\r\n")
    );
    assert_eq!(
        open.head.compact("content-type"),
        "application/javascript;charset=UTF-8"
    );
    assert_eq!(open.head.find("cache-control"), Some(NOT_CACHED));
    let taken = jsonp_send(server, &session, FORM, &form(&stomp::connect())).await;
    assert_eq!((taken.status(), taken.body.as_str()), (200, "ok"));
    assert_eq!(
        taken.head.compact("content-type"),
        "text/plain;charset=UTF-8"
    );
    assert_eq!(taken.head.find("cache-control"), Some(NOT_CACHED));
    stomp::assert_message(&jsonp_poll(server, &session).await, "CONNECTED\n");
}

#[tokio::test]
async fn jsonp_send_takes_forms_and_plain_text() {
    let (server, session) = (gateway().await, fresh_session());
    assert_eq!(jsonp_poll(server, &session).await, "o");
    assert_eq!(
        jsonp_send(server, &session, FORM, &form(&stomp::connect()))
            .await
            .body,
        "ok"
    );
    assert_eq!(
        jsonp_send(server, &session, "text/plain", &stomp::send_to_nowhere())
            .await
            .body,
        "ok"
    );
    let mut received = Vec::new();
    while received.len() < 2 {
        received.extend(stomp::messages(&jsonp_poll(server, &session).await));
    }
    assert!(
        received[0].starts_with("CONNECTED\n") && received[1].starts_with("MESSAGE\n"),
        "{received:?}"
    );
}

#[tokio::test]
async fn jsonp_send_names_what_is_wrong_with_a_payload() {
    let (server, session) = (gateway().await, fresh_session());
    assert_eq!(jsonp_poll(server, &session).await, "o");
    for (body, text) in [
        ("d=%5B%22x", "Broken JSON encoding."),
        ("", "Payload expected."),
        ("d=", "Payload expected."),
        ("p=p", "Payload expected."),
    ] {
        let answer = jsonp_send(server, &session, FORM, body).await;
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (500, text),
            "{body}"
        );
    }
    assert_eq!(
        jsonp_send(server, &session, FORM, &form(&stomp::connect()))
            .await
            .body,
        "ok"
    );
}

#[tokio::test]
async fn jsonp_and_htmlfile_want_a_callback_that_is_a_name() {
    let server = gateway().await;
    for transport in ["jsonp", "htmlfile"] {
        let path = format!("/ws/a/a/{transport}");
        let answer = ask(server, get(&path)).await;
        assert_eq!(answer.status(), 500);
        assert!(
            answer.body.contains("\"callback\" parameter required"),
            "{}",
            answer.body
        );
        for callback in ["%20", "*", "abc(", "abc%28"] {
            let answer = ask(server, get(&format!("{path}?c={callback}"))).await;
            assert_eq!(answer.status(), 500, "{callback}");
            assert!(
                answer.body.contains("invalid \"callback\" parameter"),
                "{}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn characters_that_browsers_mangle_are_escaped_in_frames_and_unescaped_in_payloads() {
    let (server, session) = (gateway().await, fresh_session());
    assert_eq!(poll(server, &session).await, "o");
    let send = format!("{session}/xhr_send");
    assert_eq!(
        ask(server, post(&send, &stomp::connect())).await.status(),
        204
    );
    stomp::assert_message(&poll(server, &session).await, "CONNECTED\n");
    // A receipt is the one text that comes back as it was sent.
    let receipt = "\u{200c}\u{2028}\u{2060}\u{fff0}\u{ffff}\u{1f600}\u{ad}é";
    let subscribe = format!(
        "[\"SUBSCRIBE\\ndestination:/user/queue/errors\\nid:0\\nreceipt:{receipt}\\n\\n\\u0000\"]"
    );
    assert_eq!(ask(server, post(&send, &subscribe)).await.status(), 204);
    let frame = poll(server, &session).await;
    let escaped = "\\u200c\\u2028\\u2060\\ufff0\\uffff\\ud83d\\ude00\u{ad}é";
    assert!(frame.contains(escaped), "{frame}");
    assert!(stomp::messages(&frame)[0].contains(receipt), "{frame}");
}
