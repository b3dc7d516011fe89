//! Headers: escapes of each version both ways, repeated ones, case, blanks (STOMP 1.2, "Value Encoding",
//! "Repeated Header Entries").

use crate::support::script::{
    Client, VERSIONS, VIOLATION, check_lines, check_stream, join, unsolicited,
};
use crate::support::{fresh_chat, gateway};

const UNDEFINED: &str = "ERROR|message:A header has an undefined escape sequence";

#[tokio::test]
async fn each_version_reads_and_writes_its_own_escapes() {
    // What the client sends as `receipt`, and what comes back as `receipt-id`; `None` ends the session.
    for (sent, v1_0, v1_1, v1_2) in [
        ("plain", Some("plain"), Some("plain"), Some("plain")),
        (r"a\cb", Some(r"a\cb"), Some(r"a\cb"), Some(r"a\cb")),
        (r"a\nb", Some(r"a\nb"), Some(r"a\nb"), Some(r"a\nb")),
        (r"a\\b", Some(r"a\\b"), Some(r"a\\b"), Some(r"a\\b")),
        (r"a\\nb", Some(r"a\\nb"), Some(r"a\\nb"), Some(r"a\\nb")),
        (r"\\\\", Some(r"\\\\"), Some(r"\\\\"), Some(r"\\\\")),
        (r"a\rb", Some(r"a\rb"), None, Some(r"a\rb")),
        // The colon need not be escaped to be understood, but we do.
        ("a:b", Some("a:b"), Some(r"a\cb"), Some(r"a\cb")),
        (r"a\tb", Some(r"a\tb"), None, None),
        (r"a\Cb", Some(r"a\Cb"), None, None),
        (r"a\ b", Some(r"a\ b"), None, None),
        (r"a\0", Some(r"a\0"), None, None),
        ("a\\", Some("a\\"), None, None),
        (r"a\\\", Some(r"a\\\"), None, None),
        (
            "\u{e9}\u{1F600}",
            Some("\u{e9}\u{1F600}"),
            Some("\u{e9}\u{1F600}"),
            Some("\u{e9}\u{1F600}"),
        ),
        ("", Some(""), Some(""), Some("")),
    ] {
        for (version, returned) in [("1.0", v1_0), ("1.1", v1_1), ("1.2", v1_2)] {
            let line = format!("BEGIN|transaction:t|receipt:{sent}");
            match returned {
                Some(returned) => {
                    let receipt = format!("RECEIPT|receipt-id:{returned}");
                    check_lines(version, &[&line], &[&receipt]).await;
                }
                None => check_lines(version, &[&line], &[UNDEFINED, VIOLATION]).await,
            }
        }
    }
}

#[tokio::test]
async fn header_names_are_escaped_too() {
    // Understood as `receipt`, or as no such header where there are no escapes in names.
    for version in ["1.1", "1.2"] {
        check_stream(
            version,
            "BEGIN\ntransaction:t\nx\\cy:1\nreceipt:r\n\n\0",
            &["RECEIPT|receipt-id:r"],
        )
        .await;
        check_stream(
            version,
            "BEGIN\ntransaction:t\nx\\ty:1\n\n\0",
            &[UNDEFINED, VIOLATION],
        )
        .await;
    }
    check_stream(
        "1.0",
        "BEGIN\ntransaction:t\nx\\ty:1\nreceipt:r\n\n\0",
        &["RECEIPT|receipt-id:r"],
    )
    .await;
}

#[tokio::test]
async fn an_error_repeats_the_receipt_of_a_frame_that_cannot_be_read() {
    for version in ["1.1", "1.2"] {
        let expected = format!("{UNDEFINED}|receipt-id:r\\c1");
        for lines in ["receipt:r\\c1\nx:\\q", "x:\\q\nreceipt:r\\c1"] {
            let stream = format!("SEND\n{lines}\ndestination:/x\n\n\0");
            check_stream(version, stream, &[&expected, VIOLATION]).await;
        }
    }
}

#[tokio::test]
async fn values_with_line_ends_never_become_headers_of_their_own() {
    let refused = |receipt: &str| {
        unsolicited(
            1,
            &format!("|receipt-id:{receipt}"),
            "UNKNOWN_DESTINATION Nothing can be sent to /x\nforged:1",
        )
    };
    for (version, receipt) in [("1.1", r"r\nforged\c1"), ("1.2", r"r\nforged\c1\r")] {
        let line = format!(r"SEND|destination:/x\nforged\c1|receipt:{receipt}||{{}}");
        check_lines(version, &[&line], &[&refused(receipt)]).await;
    }
}

#[tokio::test]
async fn subscription_ids_come_back_as_they_were_sent() {
    for (version, id) in [
        ("1.0", r"a:b\nc"),
        ("1.1", r"a\cb\\c\n"),
        ("1.2", r"a\cb\\c\n\r"),
        ("1.2", "\u{1F600} "),
    ] {
        let chat = fresh_chat();
        let mut client = Client::connected(gateway().await, version).await;
        let line = format!("SUBSCRIBE|id:{id}|destination:/countries/{chat}/events|receipt:s");
        client.check(&line, &["RECEIPT|receipt-id:s"]).await;
        client.send(&join(chat, "")).await;
        let message = client.next().await;
        assert!(
            message.starts_with(&format!("MESSAGE|subscription:{id}|message-id:")),
            "{message}"
        );
        let line = format!("UNSUBSCRIBE|id:{id}|receipt:u");
        client.check(&line, &["RECEIPT|receipt-id:u"]).await;
    }
}

#[tokio::test]
async fn of_repeated_headers_the_first_counts() {
    for version in VERSIONS {
        let stream = "BEGIN\ntransaction:t\nreceipt:first\nreceipt:second\ntransaction:\n\n\0\
                      ABORT\ntransaction:t\ntransaction:u\nreceipt:a\n\n\0";
        let expected = ["RECEIPT|receipt-id:first", "RECEIPT|receipt-id:a"];
        check_stream(version, stream, &expected).await;
        let malformed = unsolicited(
            1,
            "|receipt-id:r",
            "MALFORMED_PAYLOAD The body is not valid JSON",
        );
        let stream = "SEND\ndestination:/chat/events.joinChat\ndestination:/x\nreceipt:r\ncontent-length:3\ncontent-length:1\n\na\0b\0";
        check_stream(version, stream, &[&malformed]).await;
    }
}

#[tokio::test]
async fn names_are_case_sensitive() {
    for version in VERSIONS {
        // No `receipt`, so no RECEIPT.
        check_lines(version, &["BEGIN|transaction:t|Receipt:r"], &[]).await;
        let error = "ERROR|message:BEGIN needs the header transaction|receipt-id:r";
        check_lines(
            version,
            &["BEGIN|Transaction:t|receipt:r"],
            &[error, VIOLATION],
        )
        .await;
    }
}

#[tokio::test]
async fn blanks_are_part_of_a_value_since_1_1_and_padding_in_1_0() {
    for version in ["1.1", "1.2"] {
        check_lines(
            version,
            &["BEGIN|transaction:t|receipt: r "],
            &["RECEIPT|receipt-id: r "],
        )
        .await;
        check_lines(
            version,
            &["BEGIN|transaction:t|receipt:\tr"],
            &["RECEIPT|receipt-id:\tr"],
        )
        .await;
        check_lines(version, &["BEGIN|transaction:t|receipt :r"], &[]).await;
        let unknown = "ERROR|message:There is no transaction with this id|receipt-id:c";
        check_lines(
            version,
            &["BEGIN|transaction: t", "COMMIT|transaction:t|receipt:c"],
            &[unknown, VIOLATION],
        )
        .await;
    }
    check_lines(
        "1.0",
        &["BEGIN|transaction: t|receipt : r "],
        &["RECEIPT|receipt-id:r"],
    )
    .await;
    check_lines(
        "1.0",
        &["BEGIN|transaction: t", "COMMIT|transaction:t |receipt:c"],
        &["RECEIPT|receipt-id:c"],
    )
    .await;
}

#[tokio::test]
async fn headers_that_mean_nothing_to_us_are_ignored() {
    for version in VERSIONS {
        let line = "BEGIN|transaction:t|x-custom:1|content-type:text/plain|persistent:true|priority:9|receipt:r";
        check_lines(version, &[line], &["RECEIPT|receipt-id:r"]).await;
    }
}
