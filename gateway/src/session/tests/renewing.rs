//! The end of a token, the warning before it, and a fresh one.

use super::*;

const TOKEN: &str = "SEND|destination:/session/token|receipt:t||a.b.c";

const NOTICES: &str = "SUBSCRIBE|id:n|destination:/user/queue/session";

/// How a warning is shown.
fn warning(number: u32) -> String {
    format!(
        "MESSAGE|subscription:n|message-id:notice-{number}|destination:/user/queue/session||TOKEN_EXPIRES_SOON \
         The token expires soon and the session with it; send a fresh one to the destination"
    )
}

const OVER: [&str; 2] = ["ERROR|message:TOKEN_EXPIRED", "close token_expired"];

#[test]
fn the_session_is_warned_a_minute_before_its_token_ends_and_ends_with_it() {
    let mut script = Script::proven(3_600);
    script.check(&[(NOTICES, &[]), ("!wait 3539999", &[])]);
    assert_eq!(
        script.session.next_deadline(),
        script.now.instant.checked_add(Duration::from_millis(1))
    );
    script.check(&[
        ("!wait 1", &[&warning(1)]),
        // Once is enough.
        ("!wait 59999", &[]),
        ("!wait 1", &OVER),
        ("!wait 1", &[]),
    ]);
    assert_eq!(script.session.next_deadline(), None);
}

#[test]
fn a_warning_says_until_when_and_waits_for_a_listener() {
    let mut script = Script::proven(90);
    script.check(&[("!wait 40000", &[])]);
    let end = script.now.instant.checked_add(Duration::from_secs(50));
    assert_eq!(script.session.next_deadline(), end);
    let mut out = Vec::new();
    script
        .session
        .on_octets(frame(NOTICES).as_bytes(), script.now, &mut out);
    let [Action::Send(message)] = out.as_slice() else {
        panic!("{out:?}");
    };
    let (_, body) = message.split_once("\n\n").unwrap();
    assert_eq!(
        body,
        "{\"code\":\"TOKEN_EXPIRES_SOON\",\"message\":\"The token expires soon and the session with it; send a fresh one \
         to the destination\",\"destination\":\"/session/token\",\"expiresAt\":\"2024-08-16T17:28:27.660207Z\",\
         \"expiresInMs\":50000,\"timestamp\":\"2024-08-16T17:27:37.660207Z\"}\0"
    );
    script.check(&[(
        "SUBSCRIBE|id:m|destination:/user/queue/session|receipt:r",
        &["RECEIPT|receipt-id:r"],
    )]);
}

#[test]
fn a_token_with_less_than_a_minute_left_is_warned_of_at_once() {
    Script::proven(59).check(&[(NOTICES, &[&warning(1)]), ("!wait 59000", &OVER)]);
}

#[test]
fn a_warning_can_be_acknowledged() {
    Script::proven(59).check(&[
        (
            "SUBSCRIBE|id:n|destination:/user/queue/session|ack:client",
            &[&warning(1).replace("||", "|ack:notice-1-1||")],
        ),
        ("ACK|id:notice-1-1|receipt:a", &["RECEIPT|receipt-id:a"]),
        (
            "ACK|id:notice-2-1",
            &[
                "ERROR|message:There is no such message to acknowledge",
                "close protocol_error",
            ],
        ),
    ]);
}

#[test]
fn a_token_for_ever_never_ends() {
    for seconds in [i64::MAX, i64::MAX / 1_000_000, 100 * 365 * 86_400] {
        let mut script = Script::proven(seconds);
        script.check(&[(NOTICES, &[]), ("!wait 4000000000", &[])]);
    }
}

#[test]
fn a_token_that_is_over_already_ends_the_session_at_the_next_look() {
    let mut script = Script::proven(0);
    assert_eq!(script.session.next_deadline(), Some(script.now.instant));
    script.check(&[("!wait 0", &OVER)]);
}

#[test]
fn events_end_with_the_token_and_what_was_sent_is_still_answered() {
    Script::proven(60).check(&[
        (
            "SUBSCRIBE|id:1|destination:/countries/4/events",
            &["subscribe 1 to chat 4"],
        ),
        ("!subscribed 1", &[]),
        (
            r#"SEND|destination:/chat/events.joinChat|receipt:j||{"chatId":4}"#,
            &["publish 1 JOIN by 7 in 4"],
        ),
        ("!wait 60000", &["unsubscribe 1 from chat 4"]),
        // Nothing more is looked at.
        (TOKEN, &[]),
        ("!stored 1", &["RECEIPT|receipt-id:j", OVER[0], OVER[1]]),
    ]);
}

#[test]
fn a_fresh_token_of_the_same_user_renews_the_session_in_place() {
    let mut script = Script::proven(90);
    script.check(&[
        (NOTICES, &[]),
        ("!wait 30000", &[&warning(1)]),
        (TOKEN, &["authenticate the token"]),
        // Frames behind it meet the renewed session.
        (
            r#"SEND|destination:/chat/events.joinChat||{"chatId":4}"#,
            &[],
        ),
    ]);
    assert!(!script.session.wants_input());
    script.check(&[
        (
            "!proven 7 3600",
            &["RECEIPT|receipt-id:t", "publish 1 JOIN by 7 in 4"],
        ),
        ("!wait 60000", &[]),
        ("!wait 3480000", &[&warning(2)]),
        ("!wait 60000", &[]),
    ]);
}

#[test]
fn a_bad_token_changes_nothing() {
    let mut script = Script::proven(600);
    let failed = |number, code: &str| unsolicited(number, "|receipt-id:t", code);
    script.check(&[
        (TOKEN, &["authenticate the token"]),
        (
            "!unproven signature",
            &[&failed(1, "UNAUTHORIZED The token's signature is wrong")],
        ),
        (TOKEN, &["authenticate the token"]),
        (
            "!proven 8 3600",
            &[&failed(
                2,
                "AUTHOR_MISMATCH The token is of user 8, the session is not",
            )],
        ),
        (TOKEN, &["authenticate the token"]),
        (
            "!unproven keys_unavailable",
            &[&failed(
                3,
                "UNAVAILABLE Tokens cannot be checked at the moment",
            )],
        ),
        // An answer that nobody waits for.
        ("!proven 7 3600", &[]),
        // It ends when it always would have.
        ("!wait 600000", &OVER),
    ]);
}

#[test]
fn a_token_that_ends_while_a_fresh_one_is_looked_at_ends_the_session() {
    Script::proven(60).check(&[
        (TOKEN, &["authenticate the token"]),
        ("!wait 60000", &OVER),
        ("!proven 7 3600", &[]),
    ]);
}

#[test]
fn in_a_transaction_a_token_waits_for_commit() {
    Script::proven(3_600).check(&[
        ("BEGIN|transaction:x", &[]),
        (&TOKEN.replace("||", "|transaction:x||"), &[]),
        (
            r#"SEND|destination:/chat/events.joinChat|transaction:x||{"chatId":4}"#,
            &[],
        ),
        (
            "COMMIT|transaction:x|receipt:c",
            &["authenticate the token"],
        ),
        (
            "!proven 7 3600",
            &[
                "RECEIPT|receipt-id:t",
                "publish 1 JOIN by 7 in 4",
                "RECEIPT|receipt-id:c",
            ],
        ),
        ("BEGIN|transaction:x", &[]),
        (&TOKEN.replace("||", "|transaction:x||"), &[]),
        ("ABORT|transaction:x|receipt:a", &["RECEIPT|receipt-id:a"]),
    ]);
}

#[test]
fn in_open_mode_there_is_no_such_destination() {
    Script::connected(V1_2).check(&[(
        TOKEN,
        &[&unsolicited(
            1,
            "|receipt-id:t",
            "UNKNOWN_DESTINATION Nothing can be sent to /session/token",
        )],
    )]);
}
