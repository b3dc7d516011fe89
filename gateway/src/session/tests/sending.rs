//! SEND: commands, their order, their outcomes, what is refused.

use super::*;

#[test]
fn each_destination_asks_for_its_event() {
    let mut script = Script::connected(V1_2);
    for (index, (name, kind)) in [
        ("joinChat", "JOIN"),
        ("leaveChat", "LEAVE"),
        ("startTyping", "START_TYPING"),
        ("stopTyping", "STOP_TYPING"),
    ]
    .into_iter()
    .enumerate()
    {
        let (ticket, chat) = (index + 1, index + 4);
        let line =
            format!(r#"SEND|destination:/chat/events.{name}||{{"authorId":1,"chatId":{chat}}}"#);
        assert_eq!(
            script.play(&line),
            [format!("publish {ticket} {kind} by 1 in {chat}")]
        );
    }
}

#[test]
fn the_receipt_comes_with_the_outcome() {
    Script::connected(V1_2).check(&[
        (
            r#"SEND|destination:/chat/events.joinChat|receipt:a\cb|idempotency-key:k|traceparent:t||{"authorId":1,"chatId":4}"#,
            &["publish 1 JOIN by 1 in 4 key k trace t"],
        ),
        ("!stored 1", &["RECEIPT|receipt-id:a\\cb"]),
        ("!stored 1", &[]),
        (JOIN, &["publish 2 JOIN by 1 in 4"]),
        ("!stored 2", &[]),
    ]);
}

#[test]
fn a_chat_is_answered_in_the_order_of_its_commands_and_others_do_not_wait() {
    let send = |chat: u32, receipt: &str| {
        format!(
            r#"SEND|destination:/chat/events.startTyping|receipt:{receipt}||{{"authorId":1,"chatId":{chat}}}"#
        )
    };
    Script::connected(V1_2).check(&[
        (&send(4, "1"), &["publish 1 START_TYPING by 1 in 4"]),
        (&send(4, "2"), &["publish 2 START_TYPING by 1 in 4"]),
        (&send(5, "3"), &["publish 3 START_TYPING by 1 in 5"]),
        (&send(4, "4"), &["publish 4 START_TYPING by 1 in 4"]),
        ("!stored 2", &[]),
        ("!stored 3", &["RECEIPT|receipt-id:3"]),
        // Settled twice is settled once.
        ("!rejected 2 EXPIRED", &[]),
        (
            "!stored 1",
            &["RECEIPT|receipt-id:1", "RECEIPT|receipt-id:2"],
        ),
        ("!stored 4", &["RECEIPT|receipt-id:4"]),
        ("!stored 4", &[]),
    ]);
}

#[test]
fn a_rejected_command_reaches_its_sender_and_never_gets_a_receipt() {
    for (code, message) in [
        ("ALREADY_JOINED", "User 1 has already joined chat 4"),
        ("NOT_JOINED", "User 1 is not a member of chat 4"),
        ("CHAT_NOT_FOUND", "Chat 4 does not exist"),
        (
            "UNAVAILABLE",
            "The service cannot take this at the moment; it did not take effect",
        ),
        (
            "OUTCOME_UNKNOWN",
            "No answer came in time; it may yet take effect, so repeat it with the same idempotency-key",
        ),
        (
            "EXPIRED",
            "This waited too long for an outage to end; it did not take effect",
        ),
    ] {
        Script::connected(V1_2).check(&[
            (
                r#"SEND|destination:/chat/events.joinChat|receipt:r|idempotency-key:k||{"authorId":1,"chatId":4}"#,
                &["publish 1 JOIN by 1 in 4 key k"],
            ),
            (&format!("!rejected 1 {code}"), &[&unsolicited(
                1,
                "|receipt-id:r|idempotency-key:k",
                &format!("{code} {message}"),
            )]),
            (JOIN, &["publish 2 JOIN by 1 in 4"]),
        ]);
    }
}

#[test]
fn an_error_message_is_the_contract_to_the_octet() {
    let mut script = Script::connected(V1_2);
    script.play(&JOIN.replace("||", "|receipt:r-7|idempotency-key:k||"));
    let mut out = Vec::new();
    script.say("rejected 1 ALREADY_JOINED", &mut out);
    let body = r#"{"code":"ALREADY_JOINED","message":"User 1 has already joined chat 4","httpStatus":"CONFLICT","retryable":false,"timestamp":"2024-08-16T17:26:57.660207Z","destination":"/chat/events.joinChat","chatId":4,"authorId":1}"#;
    let expected = format!(
        "MESSAGE\nsubscription:/user/queue/errors\nmessage-id:error-1\ndestination:/user/queue/errors\nreceipt-id:r-7\n\
         idempotency-key:k\ncontent-type:application/json\ncontent-length:{}\n\n{body}\0",
        body.len()
    );
    assert_eq!(out, [Action::Send(expected)]);
}

#[test]
fn what_cannot_be_sent_is_refused_and_the_session_goes_on() {
    let mut script = Script::connected(V1_2);
    let join = "/chat/events.joinChat";
    for (index, (destination, body, error)) in [
        (join, "{", "MALFORMED_PAYLOAD The body is not valid JSON"),
        (join, "", "MALFORMED_PAYLOAD The body is not valid JSON"),
        (
            join,
            "[]",
            "MALFORMED_PAYLOAD The body is not a JSON object",
        ),
        (
            join,
            r#"{"chatId":"x"}"#,
            "MALFORMED_PAYLOAD Field chatId must be an integer",
        ),
        (
            join,
            r#"{"authorId":1,"chatId":"x"}"#,
            "MALFORMED_PAYLOAD Field chatId must be an integer",
        ),
        (
            join,
            r#"{"authorId":1,"chatId":0}"#,
            "INVALID_FIELD Field chatId must be a positive integer",
        ),
        (
            join,
            r#"{"authorId":1}"#,
            "INVALID_FIELD Field chatId is missing",
        ),
        (
            "/chat/foo",
            "{",
            "UNKNOWN_DESTINATION Nothing can be sent to /chat/foo",
        ),
        (
            "/session/token",
            "x",
            "UNKNOWN_DESTINATION Nothing can be sent to /session/token",
        ),
        (
            "/countries/4/events",
            "{}",
            "UNKNOWN_DESTINATION Nothing can be sent to /countries/4/events",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let line = format!("SEND|destination:{destination}|receipt:r||{body}");
        let number = u32::try_from(index + 1).unwrap();
        assert_eq!(
            script.play(&line),
            [unsolicited(number, "|receipt-id:r", error)],
            "{body}"
        );
    }
    script.check(&[(JOIN, &["publish 1 JOIN by 1 in 4"])]);
}

#[test]
fn an_idempotency_key_has_1_to_128_octets() {
    let line = |key: &str| JOIN.replace("||", &format!("|idempotency-key:{key}||"));
    let (longest, too_long) = ("é".repeat(64), "é".repeat(65));
    let error = "INVALID_FIELD Field idempotency-key must have 1 to 128 octets";
    Script::connected(V1_2).check(&[
        (
            &line(&longest),
            &[&format!("publish 1 JOIN by 1 in 4 key {longest}")],
        ),
        (&line(""), &[&unsolicited(1, "|idempotency-key:", error)]),
        (
            &line(&too_long),
            &[&unsolicited(
                2,
                &format!("|idempotency-key:{too_long}"),
                error,
            )],
        ),
    ]);
}

#[test]
fn commands_in_flight_are_bounded() {
    let limits = SessionLimits {
        commands_in_flight_max: 2,
        ..SessionLimits::default()
    };
    let mut script = Script::connected_with(V1_2, limits);
    script.check(&[
        (JOIN, &["publish 1 JOIN by 1 in 4"]),
        (JOIN, &["publish 2 JOIN by 1 in 4"]),
        // One too many: it waits undecoded.
        (&JOIN.replace("\"chatId\":4", "\"chatId\":5"), &[]),
    ]);
    assert!(!script.session.wants_input());
    script.check(&[("!stored 1", &["publish 3 JOIN by 1 in 5"])]);
    assert!(!script.session.wants_input());
    script.check(&[("!stored 3", &[])]);
    assert!(script.session.wants_input());
}
