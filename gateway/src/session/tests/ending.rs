//! How sessions end: DISCONNECT, violations, the server's own reasons, a client that is gone.

use super::*;

#[test]
fn disconnect_waits_for_the_commands_before_it() {
    let mut script = Script::connected(V1_2);
    script.check(&[
        (
            &JOIN.replace("||", "|receipt:1||"),
            &["publish 1 JOIN by 1 in 4"],
        ),
        (
            &JOIN.replace("||", "|receipt:2||"),
            &["publish 2 JOIN by 1 in 4"],
        ),
        ("DISCONNECT|receipt:d", &[]),
        // Nothing may follow DISCONNECT, and what does is not looked at.
        (JOIN, &[]),
        ("!rejected 2 ALREADY_JOINED", &[]),
    ]);
    assert!(!script.session.wants_input());
    script.check(&[
        (
            "!stored 1",
            &[
                "RECEIPT|receipt-id:1",
                &unsolicited(
                    1,
                    "|receipt-id:2",
                    "ALREADY_JOINED User 1 has already joined chat 4",
                ),
                "RECEIPT|receipt-id:d",
                "close client_disconnect",
            ],
        ),
        ("DISCONNECT|receipt:d", &[]),
    ]);
}

#[test]
fn disconnect_without_receipt_just_closes() {
    for version in Version::ALL {
        Script::connected(version).check(&[("DISCONNECT", &["close client_disconnect"])]);
    }
}

#[test]
fn nothing_follows_an_error() {
    let mut script = Script::connected(V1_1);
    let stream = [
        frame("SEND|a:\\t|receipt:r\\c1|destination:/x"),
        frame(JOIN),
    ]
    .concat();
    let mut out = Vec::new();
    script
        .session
        .on_octets(stream.as_bytes(), script.now, &mut out);
    let shown: Vec<String> = out.iter().map(show).collect();
    assert_eq!(
        shown,
        [
            "ERROR|message:A header has an undefined escape sequence|receipt-id:r\\c1",
            "close protocol_error",
        ]
    );
    script.check(&[
        (JOIN, &[]),
        ("!wait 60000", &[]),
        ("!close going_away", &[]),
        ("!stored 1", &[]),
    ]);
    assert!(!script.session.wants_input());
}

#[test]
fn frames_beyond_their_bounds_are_told_from_other_violations() {
    let large = format!("SEND|destination:/x||{}", "x".repeat(64 << 10));
    Script::connected(V1_2).check(&[(
        &large,
        &[
            "ERROR|message:The frame is longer than 65536 octets",
            "close frame_too_large",
        ],
    )]);
}

#[test]
fn the_server_explains_itself_only_where_the_client_should_know() {
    for (reason, error) in [
        ("going_away", None),
        ("slow_consumer", None),
        ("internal", None),
        (
            "frame_too_large",
            Some("ERROR|message:The frame is too large"),
        ),
        ("token_expired", Some("ERROR|message:TOKEN_EXPIRED")),
        ("unauthorized", Some("ERROR|message:UNAUTHORIZED")),
    ] {
        let mut script = Script::connected(V1_2);
        let expected: Vec<String> = error
            .map(str::to_owned)
            .into_iter()
            .chain([format!("close {reason}")])
            .collect();
        assert_eq!(script.play(&format!("!close {reason}")), expected);
        assert_eq!(script.play(&format!("!close {reason}")), [""; 0]);
    }
}

#[test]
fn what_a_client_sent_before_it_went_is_carried_out() {
    Script::connected(V1_2).check(&[
        (JOIN, &["publish 1 JOIN by 1 in 4"]),
        (JOIN, &["publish 2 JOIN by 1 in 4"]),
        ("!gone", &[]),
        ("!stored 1", &[]),
        ("!stored 2", &["close client_gone"]),
    ]);
    Script::connected(V1_2).check(&[("!gone", &["close client_gone"])]);
    Script::new(SessionLimits::default()).check(&[("!gone", &["close client_gone"])]);
}

#[test]
fn frames_and_refusals_are_counted() {
    let mut script = Script::connected(V1_2);
    script.play("SEND|destination:/x");
    script.play("SEND|destination:/x");
    let tally = script.session.take_tally().unwrap();
    let frames: Vec<_> = tally
        .frames()
        .map(|(command, count)| (command.name(), count))
        .collect();
    assert_eq!(frames, [("CONNECT", 1), ("SEND", 2)]);
    let refusals: Vec<_> = tally.refusals().collect();
    assert_eq!(refusals, [(ErrorCode::UnknownDestination, 2)]);
    assert!(script.session.take_tally().is_none());
}
