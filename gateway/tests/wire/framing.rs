//! Frames on the stream: cut anywhere, several at once, line ends, bodies, `content-length`, encodings
//! (STOMP 1.2, "STOMP Frames", "Value Encoding", "Body", "Standard Headers", "Augmented BNF").

use crate::support::gateway;
use crate::support::script::{Client, VERSIONS, VIOLATION, check_stream, frame, unsolicited};
use crate::support::socket::{BINARY, CONTINUATION, TEXT, ws_frame, ws_piece};

/// A conversation that uses escapes, CR LF, a body with NUL and a character of four octets.
const CONVERSATION: &str = "CONNECT\r\naccept-version:1.2\r\n\r\n\0\r\nBEGIN\ntransaction:t\\c\r\nreceipt:1\n\n\0\n\
    SEND\ndestination:/nowhere\nreceipt:\u{1F600}\\n\\c\ncontent-length:5\n\na\0b\0c\0\
    ABORT\ntransaction:t\\c\nreceipt:3\n\n\0DISCONNECT\nreceipt:4\n\n\0";

fn answers() -> Vec<String> {
    let refused = "UNKNOWN_DESTINATION Nothing can be sent to /nowhere";
    vec![
        "RECEIPT|receipt-id:1".to_owned(),
        unsolicited(1, "|receipt-id:\u{1F600}\\n\\c", refused),
        "RECEIPT|receipt-id:3".to_owned(),
        "RECEIPT|receipt-id:4".to_owned(),
        "close 1000 disconnected".to_owned(),
    ]
}

#[track_caller]
fn assert_answered(found: &[String], how: &str) {
    assert!(
        found[0].starts_with("CONNECTED|version:1.2|"),
        "{how}: {found:?}"
    );
    assert_eq!(found[1..], answers(), "{how}");
}

#[tokio::test]
async fn a_conversation_cut_in_two_at_every_octet_is_the_same() {
    let octets = CONVERSATION.as_bytes();
    for cut in 0..=octets.len() {
        let mut client = Client::new(gateway().await).await;
        client.octets(&octets[..cut]).await;
        client.octets(&octets[cut..]).await;
        assert_answered(&client.rest().await, &format!("cut at {cut}"));
    }
}

#[tokio::test]
async fn a_conversation_in_pieces_of_any_size_is_the_same() {
    for size in [1, 2, 3, 5, 7, 16, 64, 1_000] {
        let mut client = Client::new(gateway().await).await;
        for piece in CONVERSATION.as_bytes().chunks(size) {
            client.octets(piece).await;
        }
        assert_answered(&client.rest().await, &format!("pieces of {size}"));
    }
}

#[tokio::test]
async fn text_and_binary_messages_whole_or_fragmented_carry_the_same_stream() {
    for opcode in [TEXT, BINARY] {
        let mut client = Client::new(gateway().await).await;
        client.socket.send(&ws_frame(opcode, CONVERSATION)).await;
        assert_answered(&client.rest().await, &format!("whole, opcode {opcode}"));

        // Fragments may end inside a character: only the message as a whole is text.
        let mut client = Client::new(gateway().await).await;
        let (first, rest) = CONVERSATION.as_bytes().split_at(1);
        client.socket.send(&ws_piece(opcode, first)).await;
        for octet in rest {
            client.socket.send(&ws_piece(CONTINUATION, [*octet])).await;
        }
        client.socket.send(&ws_frame(CONTINUATION, "")).await;
        assert_answered(
            &client.rest().await,
            &format!("fragmented, opcode {opcode}"),
        );
    }
}

#[tokio::test]
async fn cr_lf_ends_lines_in_1_2_only() {
    let crlf = "BEGIN\r\ntransaction:t\r\nreceipt:r\r\n\r\n\0";
    check_stream("1.2", crlf, &["RECEIPT|receipt-id:r"]).await;
    let mixed = "BEGIN\ntransaction:t\r\nreceipt:r\n\r\n\0";
    check_stream("1.2", mixed, &["RECEIPT|receipt-id:r"]).await;
    let error =
        "ERROR|message:A carriage return must be escaped or stand before a line feed|receipt-id:r";
    check_stream(
        "1.2",
        "BEGIN\nreceipt:r\ntransaction:a\rb\n\n\0",
        &[error, VIOLATION],
    )
    .await;
    for version in ["1.0", "1.1"] {
        // The carriage return is part of the command.
        let error = "ERROR|message:Unknown command||Unknown command: BEGIN\r";
        check_stream(version, "BEGIN\r\ntransaction:t\n\n\0", &[error, VIOLATION]).await;
        // And part of a value.
        let kept = "RECEIPT|receipt-id:r\r";
        check_stream(version, "BEGIN\ntransaction:t\nreceipt:r\r\n\n\0", &[kept]).await;
    }
}

#[tokio::test]
async fn line_ends_between_frames_mean_nothing() {
    for version in VERSIONS {
        for between in ["\n", "\n\n\n", "\r\n", "\r\n\n\r\n"] {
            let begin = frame("BEGIN|transaction:t|receipt:b");
            let abort = frame("ABORT|transaction:t|receipt:a");
            let stream = [between, &begin, between, &abort, between].concat();
            let expected = ["RECEIPT|receipt-id:b", "RECEIPT|receipt-id:a"];
            check_stream(version, stream, &expected).await;
        }
    }
}

#[tokio::test]
async fn content_length_counts_octets_and_nul_follows() {
    let malformed = unsolicited(
        1,
        "|receipt-id:r",
        "MALFORMED_PAYLOAD The body is not valid JSON",
    );
    let send = |length: &str, body: &str| {
        format!(
            "SEND\ndestination:/chat/events.joinChat\nreceipt:r\ncontent-length:{length}\n\n{body}\0"
        )
    };
    let broken = "ERROR|message:The body is not followed by NUL where content-length says that it ends|receipt-id:r";
    let no_number =
        "ERROR|message:The content-length header is not a number of octets|receipt-id:r";
    for version in VERSIONS {
        for (length, body, expected) in [
            ("3", "a\0b", &[malformed.as_str()][..]),
            ("3", "\0\0\0", &[&malformed]),
            ("2", "\u{e9}", &[&malformed]),
            ("0", "", &[&malformed]),
            ("1", "ab", &[broken, VIOLATION]),
            ("1", "\u{e9}", &[broken, VIOLATION]),
            ("0", "ab", &[broken, VIOLATION]),
            ("x", "", &[no_number, VIOLATION]),
            ("-1", "", &[no_number, VIOLATION]),
            ("", "", &[no_number, VIOLATION]),
            ("1.0", "a", &[no_number, VIOLATION]),
        ] {
            check_stream(version, send(length, body), expected).await;
        }
        // Longer than what comes before the next NUL: the frames behind it are its body.
        let swallowed = "ERROR|message:The body is not followed by NUL where content-length says that it ends|receipt-id:r";
        let stream = send("12", "ab") + &frame("DISCONNECT|receipt:not an answer");
        check_stream(version, stream, &[swallowed, VIOLATION]).await;
    }
}

#[tokio::test]
async fn without_content_length_the_body_ends_at_nul() {
    for version in VERSIONS {
        let malformed = unsolicited(
            1,
            "|receipt-id:r",
            "MALFORMED_PAYLOAD The body is not valid JSON",
        );
        let send = frame("SEND|destination:/chat/events.joinChat|receipt:r||a");
        check_stream(version, &send, &[&malformed]).await;
        let rest = "ERROR|message:Unknown command||Unknown command: b";
        check_stream(version, send + "b\n\n\0", &[&malformed, rest, VIOLATION]).await;
    }
}

#[tokio::test]
async fn bodies_may_be_any_octets_but_commands_and_headers_are_utf_8() {
    for version in VERSIONS {
        let malformed = unsolicited(
            1,
            "|receipt-id:r",
            "MALFORMED_PAYLOAD The body is not UTF-8",
        );
        let send = b"SEND\ndestination:/chat/events.joinChat\nreceipt:r\n\n\xff\xfe\0";
        check_stream(version, send, &[&malformed]).await;
        let error = "ERROR|message:Command and headers must be UTF-8|receipt-id:r";
        let broken = b"BEGIN\nreceipt:r\ntransaction:\xc3\n\n\0";
        check_stream(version, broken, &[error, VIOLATION]).await;
        let error = "ERROR|message:Command and headers must be UTF-8";
        check_stream(version, b"BEG\xffIN\n\n\0", &[error, VIOLATION]).await;
    }
}

#[tokio::test]
async fn only_send_has_a_body_since_1_1() {
    let lines = [
        "SUBSCRIBE|id:a|destination:/user/queue/errors|receipt:r||body",
        "UNSUBSCRIBE|id:a|receipt:r||body",
        "BEGIN|transaction:t|receipt:r||body",
        "DISCONNECT|receipt:r||body",
    ];
    for line in lines {
        let command = line.split('|').next().unwrap();
        let error = format!("ERROR|message:{command} must not have a body|receipt-id:r");
        for version in ["1.1", "1.2"] {
            check_stream(version, frame(line), &[&error, VIOLATION]).await;
        }
        // 1.0 only says that the body of SUBSCRIBE is ignored; so are all.
        let receipt: &[&str] = match command {
            "DISCONNECT" => &["RECEIPT|receipt-id:r", "close 1000 disconnected"],
            _ => &["RECEIPT|receipt-id:r"],
        };
        check_stream("1.0", frame(line), receipt).await;
    }
}

#[tokio::test]
async fn what_is_no_frame_ends_the_session() {
    let headers = "ERROR|message:A header line is not of the form name, colon, value";
    let unfinished = "ERROR|message:The frame ends before the blank line that follows its headers";
    for version in VERSIONS {
        for (stream, error) in [
            ("BEGIN\nno colon\n\n\0", headers),
            ("BEGIN\n:no name\n\n\0", headers),
            ("BEGIN\ntransaction:t\0", unfinished),
            ("BEGIN\0", unfinished),
            ("\0", unfinished),
            (
                "begin\n\n\0",
                "ERROR|message:Unknown command||Unknown command: begin",
            ),
            (
                " BEGIN\n\n\0",
                "ERROR|message:Unknown command||Unknown command:  BEGIN",
            ),
            (
                "MESSAGE\n\n\0",
                "ERROR|message:Unknown command||Unknown command: MESSAGE",
            ),
            (
                "RECEIPT\n\n\0",
                "ERROR|message:Unknown command||Unknown command: RECEIPT",
            ),
            (
                "ERROR\n\n\0",
                "ERROR|message:Unknown command||Unknown command: ERROR",
            ),
        ] {
            check_stream(version, stream, &[error, VIOLATION]).await;
        }
    }
}
