//! CONNECT: negotiation, refusals, the deadline.

use super::*;

#[track_caller]
fn check(line: &str, expected: &[&str]) {
    let mut script = Script::new(SessionLimits::default());
    assert_eq!(script.play(line), expected, "{line}");
}

#[test]
fn the_highest_common_version_opens_the_session() {
    for command in ["CONNECT", "STOMP"] {
        for (headers, expected) in [
            ("", "version:1.0|session:s-1|server:talk/1|heart-beat:0,0"),
            (
                "|accept-version:1.0",
                "version:1.0|session:s-1|server:talk/1|heart-beat:0,0",
            ),
            (
                "|accept-version:1.1",
                "version:1.1|session:s-1|server:talk/1|heart-beat:10000,25000",
            ),
            (
                "|accept-version:1.0,1.2,1.1",
                "version:1.2|session:s-1|server:talk/1|heart-beat:10000,25000",
            ),
            (
                "|accept-version:1.2|heart-beat:0,0|host:x|login:a:b|passcode:\\t|Authorization:Bearer x|receipt:r",
                "version:1.2|session:s-1|server:talk/1|heart-beat:10000,25000",
            ),
            (
                "|accept-version:1.2|accept-version:1.0",
                "version:1.2|session:s-1|server:talk/1|heart-beat:10000,25000",
            ),
        ] {
            check(
                &format!("{command}{headers}"),
                &[&format!("CONNECTED|{expected}")],
            );
        }
    }
}

#[test]
fn a_refused_connect_gets_an_error_and_the_end() {
    let close = "close protocol_error";
    check(
        "CONNECT|accept-version:2.0|receipt:r",
        &[
            "ERROR|message:No common protocol version|version:1.0,1.1,1.2|receipt-id:r||Supported protocol versions are 1.0 1.1 1.2",
            close,
        ],
    );
    for heart_beat in ["", "x", "1", "1,-1", "1,2,3"] {
        check(
            &format!("CONNECT|accept-version:1.2|heart-beat:{heart_beat}"),
            &[
                "ERROR|message:The heart-beat header is not two numbers of milliseconds",
                close,
            ],
        );
    }
    check(
        "CONNECT|accept-version:1.1||body",
        &["ERROR|message:CONNECT must not have a body", close],
    );
}

#[test]
fn the_first_frame_is_connect() {
    for command in [
        "SEND|destination:/a",
        "SUBSCRIBE|id:1|destination:/a",
        "NACK|id:1",
        "DISCONNECT",
    ] {
        check(
            &format!("{command}|receipt:a\\cb"),
            &[
                "ERROR|message:The first frame must be CONNECT or STOMP|receipt-id:a\\cb",
                "close protocol_error",
            ],
        );
    }
    check(
        "HELLO",
        &[
            "ERROR|message:Unknown command||Unknown command: HELLO",
            "close protocol_error",
        ],
    );
}

#[test]
fn connecting_twice_is_a_violation() {
    for command in ["CONNECT", "STOMP"] {
        let line = format!("{command}|accept-version:1.2|receipt:a:b");
        Script::connected(V1_2).check(&[(
            &line,
            &[
                "ERROR|message:The session is connected already|receipt-id:a\\cb",
                "close protocol_error",
            ],
        )]);
    }
}

#[test]
fn connect_may_come_with_heart_beats_before_it_and_frames_behind_it() {
    let mut script = Script::new(SessionLimits::default());
    assert_eq!(script.play(""), [""; 0]);
    let mut out = Vec::new();
    let stream =
        "\r\nCONNECT\r\naccept-version:1.2\r\n\r\n\0\r\nDISCONNECT\r\nreceipt:a\\rb\r\n\r\n\0";
    script
        .session
        .on_octets(stream.as_bytes(), script.now, &mut out);
    let shown: Vec<String> = out.iter().map(show).collect();
    assert_eq!(
        shown[1..],
        ["RECEIPT|receipt-id:a\\rb", "close client_disconnect"]
    );
}

#[test]
fn connect_has_to_come_in_time() {
    let limits = SessionLimits::default();
    let mut script = Script::new(limits.clone());
    assert_eq!(
        script.session.next_deadline(),
        Some(script.now.instant + limits.connect_max)
    );
    // Not even a started frame helps.
    script.check(&[
        ("!wait 9999", &[]),
        ("!octets CONNE", &[]),
        (
            "!wait 1",
            &[
                "ERROR|message:No CONNECT frame came in time",
                "close connect_deadline",
            ],
        ),
        ("!wait 60000", &[]),
    ]);
    assert_eq!(script.session.next_deadline(), None);
}
