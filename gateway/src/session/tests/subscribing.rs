//! SUBSCRIBE and UNSUBSCRIBE, version by version.

use super::*;

const ENDED: &str = "close protocol_error";

#[test]
fn the_receipt_comes_when_the_subscription_is_established() {
    Script::connected(V1_2).check(&[
        (
            "SUBSCRIBE|id:a|destination:/countries/4/events|receipt:r",
            &["subscribe 1 to chat 4"],
        ),
        // Waits, and so does everything behind it.
        ("DISCONNECT|receipt:bye", &[]),
        ("!subscribed 2", &[]),
        (
            "!subscribed 1",
            &[
                "RECEIPT|receipt-id:r",
                "RECEIPT|receipt-id:bye",
                "close client_disconnect",
            ],
        ),
    ]);
}

#[test]
fn input_is_not_wanted_while_a_subscription_is_being_established() {
    let mut script = Script::connected(V1_2);
    assert!(script.session.wants_input());
    script.play("SUBSCRIBE|id:a|destination:/countries/4/events");
    assert!(!script.session.wants_input());
    script.play("!subscribed 1");
    assert!(script.session.wants_input());
}

#[test]
fn a_refused_subscription_leaves_no_trace() {
    Script::connected(V1_2).check(&[
        (
            "SUBSCRIBE|id:a|destination:/countries/4/events|receipt:r",
            &["subscribe 1 to chat 4"],
        ),
        (
            "!unsubscribed 1 CHAT_NOT_FOUND",
            &[&unsolicited(
                1,
                "|receipt-id:r",
                "CHAT_NOT_FOUND Chat 4 does not exist",
            )],
        ),
        ("UNSUBSCRIBE|id:a|receipt:u", &["RECEIPT|receipt-id:u"]),
        (
            "SUBSCRIBE|id:a|destination:/countries/5/events",
            &["subscribe 2 to chat 5"],
        ),
        ("!subscribed 2", &[]),
        ("UNSUBSCRIBE|id:a", &["unsubscribe 2 from chat 5"]),
    ]);
}

#[test]
fn history_gone_fails_the_replay_but_keeps_the_subscription() {
    Script::connected(V1_2).check(&[
        (
            "SUBSCRIBE|id:a|destination:/countries/4/events|last-event-id:37|receipt:r",
            &["subscribe 1 to chat 4 after 37"],
        ),
        (
            "!unsubscribed 1 HISTORY_GONE",
            &[&unsolicited(
                1,
                "|receipt-id:r",
                "HISTORY_GONE The history of chat 4 no longer reaches back that far",
            )],
        ),
        (
            "UNSUBSCRIBE|id:a|receipt:u",
            &["unsubscribe 1 from chat 4", "RECEIPT|receipt-id:u"],
        ),
    ]);
}

#[test]
fn what_cannot_be_subscribed_to_is_refused_and_the_session_goes_on() {
    let mut script = Script::connected(V1_2);
    for (number, (headers, error)) in [
        (
            "destination:/queue/a",
            "UNKNOWN_DESTINATION There is nothing to subscribe to at /queue/a",
        ),
        (
            "destination:",
            "UNKNOWN_DESTINATION There is nothing to subscribe to at ",
        ),
        (
            "destination:/countries/0/events",
            "INVALID_FIELD Field chatId must be a positive integer",
        ),
        (
            "destination:/countries/x/events",
            "INVALID_FIELD Field chatId must be a positive integer",
        ),
        (
            "destination:/countries/01/events",
            "INVALID_FIELD Field chatId must be a positive integer",
        ),
        (
            "destination:/user/x/errors",
            "INVALID_FIELD Field userId must be a positive integer",
        ),
        (
            "destination:/countries/4/events|last-event-id:x",
            "INVALID_FIELD Field last-event-id must be a positive integer",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let line = format!("SUBSCRIBE|id:a|{headers}|receipt:r");
        let expected = unsolicited(u32::try_from(number + 1).unwrap(), "|receipt-id:r", error);
        assert_eq!(script.play(&line), [expected], "{headers}");
    }
    script.check(&[(
        "SUBSCRIBE|id:a|destination:/countries/4/events",
        &["subscribe 1 to chat 4"],
    )]);
}

#[test]
fn subscriptions_are_bounded() {
    let limits = SessionLimits {
        subscriptions_max: 2,
        ..SessionLimits::default()
    };
    Script::connected_with(V1_2, limits).check(&[
        (
            "SUBSCRIBE|id:a|destination:/user/queue/session|receipt:1",
            &["RECEIPT|receipt-id:1"],
        ),
        (
            "SUBSCRIBE|id:b|destination:/user/queue/session|receipt:2",
            &["RECEIPT|receipt-id:2"],
        ),
        (
            "SUBSCRIBE|id:c|destination:/user/queue/session|receipt:3",
            &[&unsolicited(
                1,
                "|receipt-id:3",
                "TOO_MANY_SUBSCRIPTIONS The session already has 2 subscriptions",
            )],
        ),
        ("UNSUBSCRIBE|id:a", &[]),
        (
            "SUBSCRIBE|id:c|destination:/user/queue/session|receipt:4",
            &["RECEIPT|receipt-id:4"],
        ),
    ]);
}

#[test]
fn errors_go_to_the_oldest_subscription_for_them() {
    let bad = "SEND|destination:/x|receipt:r";
    let error = "||UNKNOWN_DESTINATION Nothing can be sent to /x";
    let mut script = Script::connected(V1_2);
    script.check(&[
        ("SUBSCRIBE|id:a\\c1|destination:/user/7/errors|ack:client", &[]),
        ("SUBSCRIBE|id:b|destination:/user/queue/errors", &[]),
        (bad, &[&format!(
            "MESSAGE|subscription:a\\c1|message-id:error-1|destination:/user/7/errors|receipt-id:r|ack:error-1-1{error}"
        )]),
        ("ACK|id:error-1-1|receipt:k", &["RECEIPT|receipt-id:k"]),
        ("UNSUBSCRIBE|id:a\\c1", &[]),
        (bad, &[&format!(
            "MESSAGE|subscription:b|message-id:error-2|destination:/user/queue/errors|receipt-id:r{error}"
        )]),
        ("UNSUBSCRIBE|id:b", &[]),
        (bad, &[&format!("{}{error}", unsolicited(3, "|receipt-id:r", "").trim_end_matches('|'))]),
    ]);
}

#[test]
fn one_destination_may_have_several_subscriptions_but_an_id_only_one() {
    for version in Version::ALL {
        Script::connected(version).check(&[
            (
                "SUBSCRIBE|id:a|destination:/countries/4/events",
                &["subscribe 1 to chat 4"],
            ),
            ("!subscribed 1", &[]),
            (
                "SUBSCRIBE|id:b|destination:/countries/4/events",
                &["subscribe 2 to chat 4"],
            ),
            ("!subscribed 2", &[]),
            (
                "SUBSCRIBE|id:a|destination:/countries/5/events|receipt:r",
                &[
                    "ERROR|message:There is already a subscription with this id|receipt-id:r",
                    ENDED,
                ],
            ),
        ]);
    }
}

#[test]
fn required_headers_depend_on_the_version() {
    for (version, line, expected) in [
        (
            V1_0,
            "SUBSCRIBE|id:a",
            "SUBSCRIBE needs the header destination",
        ),
        (
            V1_1,
            "SUBSCRIBE|destination:/countries/4/events",
            "SUBSCRIBE needs the header id",
        ),
        (
            V1_2,
            "SUBSCRIBE|destination:/countries/4/events",
            "SUBSCRIBE needs the header id",
        ),
        (
            V1_0,
            "UNSUBSCRIBE",
            "UNSUBSCRIBE needs the header destination",
        ),
        (
            V1_1,
            "UNSUBSCRIBE|destination:/countries/4/events",
            "UNSUBSCRIBE needs the header id",
        ),
        (V1_2, "UNSUBSCRIBE", "UNSUBSCRIBE needs the header id"),
        (V1_0, "ACK", "ACK needs the header message-id"),
        (
            V1_1,
            "ACK|message-id:1",
            "ACK needs the header subscription",
        ),
        (
            V1_1,
            "NACK|subscription:a",
            "NACK needs the header message-id",
        ),
        (
            V1_2,
            "ACK|message-id:1|subscription:a",
            "ACK needs the header id",
        ),
        (V1_2, "NACK", "NACK needs the header id"),
        (V1_2, "SEND||{}", "SEND needs the header destination"),
        (V1_2, "BEGIN", "BEGIN needs the header transaction"),
        (V1_2, "COMMIT", "COMMIT needs the header transaction"),
        (V1_2, "ABORT", "ABORT needs the header transaction"),
    ] {
        let (head, body) = line.split_once("||").unwrap_or((line, ""));
        let line = format!("{head}|receipt:r||{body}");
        let error = format!("ERROR|message:{expected}|receipt-id:r");
        Script::connected(version).check(&[(&line, &[&error, ENDED]), (JOIN, &[])]);
    }
}

#[test]
fn in_1_0_subscriptions_need_no_id() {
    Script::connected(V1_0).check(&[
        ("SUBSCRIBE|destination: /countries/4/events |receipt: r ||ignored", &["subscribe 1 to chat 4"]),
        ("!subscribed 1", &["RECEIPT|receipt-id:r"]),
        ("SUBSCRIBE|destination:/countries/4/events|id:a", &["subscribe 2 to chat 4"]),
        ("!subscribed 2", &[]),
        ("SUBSCRIBE|destination:/user/queue/errors", &[]),
        ("SEND|destination:/x", &[
            "MESSAGE|message-id:error-1|destination:/user/queue/errors||UNKNOWN_DESTINATION Nothing can be sent to /x",
        ]),
        ("UNSUBSCRIBE|destination:/countries/4/events|receipt:u", &[
            "unsubscribe 1 from chat 4",
            "unsubscribe 2 from chat 4",
            "RECEIPT|receipt-id:u",
        ]),
    ]);
}

#[test]
fn a_body_is_for_send_only_since_1_1() {
    for version in [V1_1, V1_2] {
        Script::connected(version).check(&[(
            "SUBSCRIBE|id:a|destination:/user/queue/errors|receipt:r||x",
            &[
                "ERROR|message:SUBSCRIBE must not have a body|receipt-id:r",
                ENDED,
            ],
        )]);
    }
}
