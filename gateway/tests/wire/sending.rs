//! SEND and its answers: receipts, and error messages by contract section 5.

use serde_json::Value;
use shared::error_code::ErrorCode;

use crate::support::peer::{SILENT_CHAT, rejecting_chat};
use crate::support::script::{Client, VERSIONS, VIOLATION, check_lines, join, unsolicited};
use crate::support::{fresh_chat, gateway, gateway_with};

#[tokio::test]
async fn a_receipt_comes_when_it_was_asked_for() {
    for version in VERSIONS {
        for (headers, expected) in [
            ("|receipt:r", &["RECEIPT|receipt-id:r"][..]),
            ("|receipt:", &["RECEIPT|receipt-id:"]),
            ("", &[]),
        ] {
            check_lines(version, &[&join(fresh_chat(), headers)], expected).await;
        }
    }
}

#[tokio::test]
async fn a_chat_is_answered_in_the_order_of_its_commands() {
    for version in VERSIONS {
        let chat = fresh_chat();
        let receipts: Vec<String> = (0..50)
            .map(|number| format!("RECEIPT|receipt-id:{number}"))
            .collect();
        let lines: Vec<String> = (0..50)
            .map(|number| join(chat, &format!("|receipt:{number}")))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let receipts: Vec<&str> = receipts.iter().map(String::as_str).collect();
        check_lines(version, &lines, &receipts).await;
    }
}

#[tokio::test]
async fn send_needs_a_destination() {
    for version in VERSIONS {
        let error = "ERROR|message:SEND needs the header destination|receipt-id:r";
        check_lines(version, &["SEND|receipt:r||{}"], &[error, VIOLATION]).await;
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_are_reported_to_the_sender() {
    for (body, error) in [
        ("", "MALFORMED_PAYLOAD The body is not valid JSON"),
        ("{", "MALFORMED_PAYLOAD The body is not valid JSON"),
        (
            r#"{"authorId":1,"chatId":4}x"#,
            "MALFORMED_PAYLOAD The body is not valid JSON",
        ),
        ("[]", "MALFORMED_PAYLOAD The body is not a JSON object"),
        ("null", "MALFORMED_PAYLOAD The body is not a JSON object"),
        (
            "\"text\"",
            "MALFORMED_PAYLOAD The body is not a JSON object",
        ),
        (
            r#"{"authorId":"1","chatId":4}"#,
            "MALFORMED_PAYLOAD Field authorId must be an integer",
        ),
        (
            r#"{"authorId":1,"chatId":4.5}"#,
            "MALFORMED_PAYLOAD Field chatId must be an integer",
        ),
        (
            r#"{"authorId":1,"chatId":[4]}"#,
            "MALFORMED_PAYLOAD Field chatId must be an integer",
        ),
        ("{}", "INVALID_FIELD Field authorId is missing"),
        (r#"{"chatId":4}"#, "INVALID_FIELD Field authorId is missing"),
        (r#"{"authorId":1}"#, "INVALID_FIELD Field chatId is missing"),
        (
            r#"{"authorId":1,"chatId":null}"#,
            "INVALID_FIELD Field chatId is missing",
        ),
        (
            r#"{"authorId":0,"chatId":4}"#,
            "INVALID_FIELD Field authorId must be a positive integer",
        ),
        (
            r#"{"authorId":1,"chatId":-4}"#,
            "INVALID_FIELD Field chatId must be a positive integer",
        ),
        (
            r#"{"authorId":1,"chatId":9223372036854775808}"#,
            "INVALID_FIELD Field chatId is larger than 9223372036854775807",
        ),
    ] {
        for destination in ["joinChat", "leaveChat", "startTyping", "stopTyping"] {
            let line = format!("SEND|destination:/chat/events.{destination}|receipt:r||{body}");
            check_lines("1.2", &[&line], &[&unsolicited(1, "|receipt-id:r", error)]).await;
        }
    }
}

#[tokio::test]
async fn unknown_fields_and_headers_do_no_harm() {
    let chat = fresh_chat();
    let body = format!(r#"{{"x":[{{}}],"chatId":{chat},"authorId":1,"chatName":"a"}}"#);
    let line =
        format!("SEND|destination:/chat/events.joinChat|content-type:text/x|receipt:r||{body}");
    check_lines("1.2", &[&line], &["RECEIPT|receipt-id:r"]).await;
}

#[tokio::test]
async fn destinations_have_one_spelling() {
    for destination in [
        "",
        "/",
        "/chat",
        "/chat/events.JoinChat",
        "/chat/events.joinChat/",
        "/countries/4/events",
        "/topic/a",
    ] {
        let line = format!("SEND|destination:{destination}|receipt:r||{{}}");
        let error = format!("UNKNOWN_DESTINATION Nothing can be sent to {destination}");
        check_lines("1.2", &[&line], &[&unsolicited(1, "|receipt-id:r", &error)]).await;
    }
}

#[tokio::test]
async fn every_code_that_an_outcome_may_have_is_told_as_the_contract_says() {
    for code in ErrorCode::ALL {
        let chat = rejecting_chat(*code);
        let mut client = Client::connected(gateway().await, "1.2").await;
        client
            .send(&join(chat, "|receipt:r|idempotency-key:k-é"))
            .await;
        let frame = client.socket.receive().await.unwrap();
        let text = String::from_utf8(frame.payload).unwrap();
        let (head, body) = text.trim_end_matches('\0').split_once("\n\n").unwrap();
        let expected_head = format!(
            "MESSAGE\nsubscription:/user/queue/errors\nmessage-id:error-1\ndestination:/user/queue/errors\n\
             receipt-id:r\nidempotency-key:k-é\ncontent-type:application/json\ncontent-length:{}",
            body.len()
        );
        assert_eq!(head, expected_head);
        let error: Value = serde_json::from_str(body).unwrap();
        assert_eq!(error["code"], code.name());
        assert_eq!(error["httpStatus"], code.status_name());
        assert_eq!(error["retryable"], code.retryable());
        assert_eq!(error["destination"], "/chat/events.joinChat");
        assert_eq!(
            (error["chatId"].as_i64(), error["authorId"].as_i64()),
            (Some(chat), Some(1))
        );
        assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
        assert!(
            error["timestamp"].as_str().unwrap().ends_with('Z'),
            "{error}"
        );
        // No RECEIPT came, and the session goes on.
        client
            .check(
                "DISCONNECT|receipt:d",
                &["RECEIPT|receipt-id:d", "close 1000 disconnected"],
            )
            .await;
    }
}

#[tokio::test]
async fn errors_go_to_the_subscription_that_takes_them() {
    for version in VERSIONS {
        for destination in ["/user/queue/errors", "/user/1/errors"] {
            let subscribe = format!("SUBSCRIBE|id:e|destination:{destination}");
            let error = format!(
                "MESSAGE|subscription:e|message-id:error-1|destination:{destination}|receipt-id:r||UNKNOWN_DESTINATION Nothing can be sent to /x"
            );
            let lines = [&subscribe, "SEND|destination:/x|receipt:r||{}"];
            check_lines(version, &lines, &[&error]).await;
        }
    }
}

#[tokio::test]
async fn a_command_without_outcome_ends_as_unknown_and_holds_the_session_at_its_bound() {
    let gateway =
        gateway_with(&["--command-deadline", "3s", "--commands-in-flight-max", "2"]).await;
    let mut client = Client::connected(gateway.listen(), "1.2").await;
    client.send(&join(SILENT_CHAT, "|receipt:1")).await;
    client.send(&join(SILENT_CHAT, "|receipt:2")).await;
    // Not looked at while two commands are on their way.
    client.send("BEGIN|transaction:t|receipt:b").await;
    let error = "OUTCOME_UNKNOWN No answer came in time; it may yet take effect, so repeat it with the same idempotency-key";
    let first = unsolicited(1, "|receipt-id:1", error);
    let second = unsolicited(2, "|receipt-id:2", error);
    assert_eq!(client.next().await, first);
    let mut rest = [client.next().await, client.next().await];
    // Either may come first: one answer already makes room for the next frame.
    rest.sort();
    assert_eq!(rest, [second, "RECEIPT|receipt-id:b".to_owned()]);
}
