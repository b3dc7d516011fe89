//! What one client may take up, before and after login, and what happens at each bound.

use local::daemon::Daemon;
use tokio::sync::OnceCell;

use crate::support::script::{Client, VERSIONS, frame, unsolicited};
use crate::support::socket::{BINARY, CONTINUATION, TEXT, ws_frame, ws_piece};
use crate::support::{gateway, gateway_with};

const TOO_LARGE: &str = "close 1009 frame too large";
const LIMITED: &str = "close 1008 session limit exceeded";

/// A gateway with small bounds.
async fn narrow() -> &'static Daemon {
    static NARROW: OnceCell<Daemon> = OnceCell::const_new();
    let settings = [
        "--frame-octets-max=1024",
        "--headers-max=8",
        "--header-octets-max=256",
        "--subscriptions-max=2",
        "--transactions-max=2",
        "--transaction-frames-max=3",
        "--transaction-octets-max=2048",
    ];
    NARROW.get_or_init(|| gateway_with(&settings)).await
}

async fn client(version: &str) -> Client {
    Client::connected(narrow().await.listen(), version).await
}

/// A frame of exactly so many octets, from its command to its NUL.
fn frame_of(octets: usize) -> String {
    let head = "SEND\ndestination:/x\nreceipt:r\n\n";
    format!("{head}{}\0", "x".repeat(octets - head.len() - 1))
}

#[tokio::test]
async fn the_longest_frame_passes_and_one_octet_more_does_not() {
    let refused = unsolicited(
        1,
        "|receipt-id:r",
        "UNKNOWN_DESTINATION Nothing can be sent to /x",
    );
    let error = "ERROR|message:The frame is longer than 1024 octets|receipt-id:r";
    for version in VERSIONS {
        let mut good = client(version).await;
        good.text(&frame_of(1_024)).await;
        good.check("", &[&refused]).await;
        let mut bad = client(version).await;
        bad.text(&frame_of(1_025)).await;
        assert_eq!(bad.rest().await, [error, TOO_LARGE]);
        // Said as soon as it is known, be it from `content-length`.
        let mut announced = client(version).await;
        announced
            .text("SEND\ndestination:/x\nreceipt:r\ncontent-length:1000\n\n")
            .await;
        assert_eq!(announced.rest().await, [error, TOO_LARGE]);
    }
    // And in pieces, without an end.
    let mut endless = client("1.2").await;
    endless.text("SEND\ndestination:/x\nreceipt:r\n\n").await;
    for _ in 0..16 {
        let _ = endless
            .socket
            .try_write(&ws_frame(TEXT, "x".repeat(100)).encode())
            .await;
    }
    assert_eq!(endless.rest().await, [error, TOO_LARGE]);
}

#[tokio::test]
async fn headers_are_bounded_in_number_and_length() {
    for version in VERSIONS {
        let padding = |headers: usize| "|a:b".repeat(headers);
        let mut good = client(version).await;
        good.check(
            &format!("BEGIN|transaction:t|receipt:r{}", padding(6)),
            &["RECEIPT|receipt-id:r"],
        )
        .await;
        let mut bad = client(version).await;
        bad.send(&format!("BEGIN|transaction:t|receipt:r{}", padding(7)))
            .await;
        let error = "ERROR|message:The frame has more than 8 headers|receipt-id:r";
        assert_eq!(bad.rest().await, [error, TOO_LARGE]);

        let mut good = client(version).await;
        good.check(
            &format!("BEGIN|transaction:t|receipt:r|a:{}", "b".repeat(254)),
            &["RECEIPT|receipt-id:r"],
        )
        .await;
        let mut bad = client(version).await;
        bad.send(&format!(
            "BEGIN|transaction:t|receipt:r|a:{}",
            "b".repeat(255)
        ))
        .await;
        let error = "ERROR|message:A header is longer than 256 octets|receipt-id:r";
        assert_eq!(bad.rest().await, [error, TOO_LARGE]);
    }
}

#[tokio::test]
async fn the_same_bounds_hold_before_connect() {
    let server = narrow().await.listen();
    for (octets, error) in [
        (
            frame(&format!("CONNECT|{}a:b", "x:y|".repeat(8))),
            "The frame has more than 8 headers",
        ),
        (
            format!("CONNECT\nlogin:{}", "x".repeat(251)),
            "A header is longer than 256 octets",
        ),
        ("x".repeat(257), "A header is longer than 256 octets"),
        (
            "CONNECT\ncontent-length:99999999999999999999999\n\n".to_owned(),
            "The frame is longer than 1024 octets",
        ),
        (
            frame(&format!(
                "CONNECT|accept-version:1.2||{}",
                "x".repeat(1_024)
            )),
            "The frame is longer than 1024 octets",
        ),
    ] {
        let mut client = Client::new(server).await;
        client.text(&octets).await;
        let expected = format!("ERROR|message:{error}");
        assert_eq!(
            client.rest().await,
            [expected.as_str(), TOO_LARGE],
            "{octets:?}"
        );
    }
}

#[tokio::test]
async fn the_default_bounds_are_those_of_the_contract() {
    let mut good = Client::connected(gateway().await, "1.2").await;
    good.text(&frame_of(64 << 10)).await;
    assert!(good.next().await.contains("UNKNOWN_DESTINATION"));
    let mut bad = Client::connected(gateway().await, "1.2").await;
    bad.text(&frame_of((64 << 10) + 1)).await;
    let error = "ERROR|message:The frame is longer than 65536 octets|receipt-id:r";
    assert_eq!(bad.rest().await, [error, TOO_LARGE]);
    let headers =
        |count: usize| format!("BEGIN|transaction:t|receipt:r{}", "|a:b".repeat(count - 2));
    let mut good = Client::connected(gateway().await, "1.2").await;
    good.check(&headers(64), &["RECEIPT|receipt-id:r"]).await;
    good.send(&headers(65)).await;
    let error = "ERROR|message:The frame has more than 64 headers|receipt-id:r";
    assert_eq!(good.rest().await, [error, TOO_LARGE]);
}

#[tokio::test]
async fn a_message_far_beyond_any_frame_is_cut_off_with_an_error() {
    let expected = ["ERROR|message:The frame is too large", TOO_LARGE];
    // 1 KiB of frame and 64 KiB of slack; the client goes on sending, and still gets to read the error.
    let whole = ws_frame(BINARY, vec![b'\n'; 8 << 20]).encode();
    let mut fragments = ws_piece(BINARY, vec![b'\n'; 60_000]).encode();
    fragments.extend(ws_piece(CONTINUATION, vec![b'\n'; 60_000]).encode());
    let announced = [
        0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0,
    ]
    .to_vec();
    for octets in [whole, fragments, announced] {
        let mut client = client("1.2").await;
        client.socket.write(&octets).await;
        assert_eq!(client.rest().await, expected);
    }
}

#[tokio::test]
async fn many_frames_in_one_message_pass() {
    let mut client = client("1.2").await;
    let count = 1_000;
    client
        .text(&frame("UNSUBSCRIBE|id:a|receipt:r").repeat(count))
        .await;
    for _ in 0..count {
        assert_eq!(client.next().await, "RECEIPT|receipt-id:r");
    }
}

#[tokio::test]
async fn one_subscription_too_many_is_refused_and_the_session_goes_on() {
    for version in VERSIONS {
        let mut client = client(version).await;
        let subscribe =
            |id: &str| format!("SUBSCRIBE|id:{id}|destination:/user/queue/session|receipt:{id}");
        client
            .check(&subscribe("a"), &["RECEIPT|receipt-id:a"])
            .await;
        client
            .check(&subscribe("b"), &["RECEIPT|receipt-id:b"])
            .await;
        let error = "TOO_MANY_SUBSCRIPTIONS The session already has 2 subscriptions";
        client
            .check(&subscribe("c"), &[&unsolicited(1, "|receipt-id:c", error)])
            .await;
        client
            .check("UNSUBSCRIBE|id:a|receipt:u", &["RECEIPT|receipt-id:u"])
            .await;
        client
            .check(&subscribe("c"), &["RECEIPT|receipt-id:c"])
            .await;
    }
}

#[tokio::test]
async fn transactions_are_bounded_in_number_frames_and_octets() {
    let send = |transaction: &str, body: usize| {
        format!(
            "SEND|destination:/x|transaction:{transaction}|receipt:r||{}",
            "x".repeat(body)
        )
    };
    let begin = |transaction: &str| format!("BEGIN|transaction:{transaction}|receipt:r");
    for version in VERSIONS {
        for (lines, error) in [
            (
                vec![begin("t"), begin("u"), begin("v")],
                "There are already 2 open transactions",
            ),
            (
                vec![
                    begin("t"),
                    send("t", 1),
                    send("t", 1),
                    send("t", 1),
                    send("t", 1),
                ],
                "The transaction has more than 3 frames",
            ),
            (
                vec![
                    begin("t"),
                    begin("u"),
                    send("t", 900),
                    send("u", 900),
                    send("t", 900),
                ],
                "The open transactions hold more than 2048 octets",
            ),
        ] {
            let mut client = client(version).await;
            for line in &lines {
                client.send(line).await;
            }
            let answers = client.rest().await;
            let (receipts, end) = answers.split_at(answers.len() - 2);
            assert!(
                receipts
                    .iter()
                    .all(|answer| answer == "RECEIPT|receipt-id:r"),
                "{answers:?}"
            );
            assert_eq!(
                end,
                [
                    format!("ERROR|message:{error}|receipt-id:r"),
                    LIMITED.to_owned()
                ]
            );
        }
        // What is over counts no longer.
        let mut client = client(version).await;
        for _ in 0..5 {
            client.check(&begin("t"), &["RECEIPT|receipt-id:r"]).await;
            client.send(&send("t", 900)).await;
            client
                .check("ABORT|transaction:t|receipt:a", &["RECEIPT|receipt-id:a"])
                .await;
        }
    }
}

#[tokio::test]
async fn who_does_not_connect_in_time_is_told_and_closed() {
    let gateway = gateway_with(&["--connect-max", "300ms"]).await;
    for octets in ["", "\n", "CONNECT\naccept-version:1.2\n"] {
        let mut client = Client::new(gateway.listen()).await;
        client.text(octets).await;
        let expected = [
            "ERROR|message:No CONNECT frame came in time",
            "close 4000 no CONNECT in time",
        ];
        assert_eq!(client.rest().await, expected, "{octets:?}");
    }
    // Who did may take their time afterwards.
    let mut connected = Client::connected(gateway.listen(), "1.2").await;
    assert_eq!(Client::new(gateway.listen()).await.rest().await.len(), 2);
    connected
        .check("BEGIN|transaction:t|receipt:r", &["RECEIPT|receipt-id:r"])
        .await;
}
