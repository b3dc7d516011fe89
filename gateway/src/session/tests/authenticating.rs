//! From CONNECT to CONNECTED with a token, or to the end.

use super::*;

fn asked(line: &str) -> Script {
    let mut script = Script::admitting(Admission::TokenHolders, SessionLimits::default());
    script.play(line);
    script
}

#[test]
fn connect_waits_until_it_is_known_whose_it_is() {
    let mut script = Script::admitting(Admission::TokenHolders, SessionLimits::default());
    script.check(&[(
        "CONNECT|accept-version:1.2|Authorization:Bearer a.b.c",
        &["authenticate the token"],
    )]);
    assert!(!script.session.wants_input());
    assert_eq!(script.session.user(), None);
    script.check(&[
        // Sent without waiting, as clients do; looked at in its turn.
        (JOIN, &[]),
        (
            "!proven 1 3600",
            &[
                "CONNECTED|version:1.2|session:s-1|server:talk/1|heart-beat:10000,25000|user-name:1",
                "publish 1 JOIN by 1 in 4",
            ],
        ),
    ]);
    assert_eq!(script.session.user(), UserId::try_from(1).ok());
}

#[test]
fn the_token_is_that_of_the_authorization_header() {
    for (headers, expected) in [
        ("|Authorization:Bearer a.b.c", "authenticate the token"),
        ("|authorization:bearer a.b.c", "authenticate the token"),
        ("|Authorization:Basic YTpi", "authenticate nobody"),
        ("|AUTHORIZATION:Bearer a.b.c", "authenticate nobody"),
        ("|passcode:a.b.c", "authenticate nobody"),
        ("", "authenticate nobody"),
    ] {
        let mut script = Script::admitting(Admission::TokenHolders, SessionLimits::default());
        let line = format!("CONNECT|accept-version:1.2{headers}");
        assert_eq!(script.play(&line), [expected], "{line}");
    }
    let mut script = Script::admitting(Admission::TokenHolders, SessionLimits::default());
    let mut out = Vec::new();
    let connect = frame("CONNECT|accept-version:1.2|Authorization:Bearer  a.b.c ");
    script
        .session
        .on_octets(connect.as_bytes(), script.now, &mut out);
    let token = crate::auth::Token::bare("a.b.c");
    assert_eq!(out, [Action::Authenticate(Some(token))]);
}

#[test]
fn in_open_mode_a_token_is_not_looked_at() {
    let connect = "CONNECT|accept-version:1.2|Authorization:Bearer a.b.c";
    let connected = Script::new(SessionLimits::default()).play(connect);
    assert!(connected[0].starts_with("CONNECTED|"), "{connected:?}");
    assert!(!connected[0].contains("user-name"), "{connected:?}");
}

#[test]
fn whoever_proves_nothing_hears_why_and_is_shut_out() {
    for (reason, error, end) in [
        (
            "missing",
            "ERROR|message:UNAUTHORIZED||There is no bearer token",
            "close unauthorized",
        ),
        (
            "expired",
            "ERROR|message:UNAUTHORIZED||The token has expired",
            "close unauthorized",
        ),
        (
            "keys_unavailable",
            "ERROR|message:UNAVAILABLE||Tokens cannot be checked at the moment",
            "close authentication_unavailable",
        ),
    ] {
        let mut script = asked("CONNECT|accept-version:1.2");
        script.check(&[
            (JOIN, &[]),
            (&format!("!unproven {reason}"), &[error, end]),
            ("!proven 1 3600", &[]),
        ]);
    }
}

#[test]
fn a_breach_of_stomp_is_told_before_any_token_is_looked_at() {
    let mut script = Script::admitting(Admission::TokenHolders, SessionLimits::default());
    let answer = script.play("CONNECT|accept-version:9|Authorization:Bearer a.b.c");
    assert!(answer[0].starts_with("ERROR|message:No common protocol version"));
    assert_eq!(answer[1], "close protocol_error");
}

#[test]
fn connect_and_its_answer_together_have_the_time_of_connect() {
    let mut script = Script::admitting(Admission::TokenHolders, SessionLimits::default());
    script.check(&[
        ("!wait 6000", &[]),
        ("CONNECT|accept-version:1.2", &["authenticate nobody"]),
        ("!wait 3999", &[]),
        (
            "!wait 1",
            &[
                "ERROR|message:UNAVAILABLE",
                "close authentication_unavailable",
            ],
        ),
        ("!proven 1 3600", &[]),
    ]);
}

#[test]
fn a_client_that_goes_meanwhile_is_gone() {
    asked("CONNECT|accept-version:1.2")
        .check(&[("!gone", &["close client_gone"]), ("!proven 1 3600", &[])]);
}

#[test]
fn the_author_is_the_tokens_user() {
    Script::proven(3_600).check(&[
        (
            JOIN,
            &[&unsolicited(
                1,
                "",
                "AUTHOR_MISMATCH The session belongs to user 7, not to user 1",
            )],
        ),
        (
            r#"SEND|destination:/chat/events.joinChat||{"chatId":4}"#,
            &["publish 1 JOIN by 7 in 4"],
        ),
        ("SUBSCRIBE|id:e|destination:/user/7/errors|receipt:r", &["RECEIPT|receipt-id:r"]),
        (
            "SUBSCRIBE|id:f|destination:/user/1/errors",
            &["MESSAGE|subscription:e|message-id:error-2|destination:/user/7/errors||FORBIDDEN The errors of user 1 are for user 1 only"],
        ),
    ]);
}
