//! Heart-beats both ways with real timers (STOMP 1.2, "Heart-beating"). The intervals are short, what is waited
//! for are beats and closes.

use std::time::{Duration, Instant};

use local::daemon::Daemon;

use crate::support::gateway_with;
use crate::support::script::Client;
use crate::support::socket::{PING, TEXT, ws_frame};

/// What the gateway offers and wants, and a client that promises as much beats in a quarter of it.
const INTERVAL: Duration = Duration::from_millis(400);
const TOLERANCE: u32 = 3;

async fn beating_gateway() -> Daemon {
    gateway_with(&[
        "--heart-beat-send",
        "400ms",
        "--heart-beat-receive",
        "400ms",
    ])
    .await
}

async fn connected(gateway: &Daemon, version: &str, heart_beat: &str) -> Client {
    let mut client = Client::new(gateway.listen()).await;
    client
        .send(&format!(
            "CONNECT|accept-version:{version}|heart-beat:{heart_beat}"
        ))
        .await;
    let expected = if version == "1.0" {
        "heart-beat:0,0"
    } else {
        "heart-beat:400,400"
    };
    assert!(client.next().await.ends_with(expected));
    client
}

#[tokio::test]
async fn beats_come_for_who_wants_them_and_for_nobody_else() {
    let gateway = beating_gateway().await;
    for version in ["1.1", "1.2"] {
        let mut wants = connected(&gateway, version, "0,400").await;
        let mut slowly = connected(&gateway, version, "0,800").await;
        let mut quiet = connected(&gateway, version, "0,0").await;
        let mut old = connected(&gateway, "1.0", "400,400").await;
        let since = Instant::now();
        for _ in 0..5 {
            assert_eq!(wants.next().await, "beat");
        }
        // A little early each, so that a late timer is still in time.
        assert!(since.elapsed() > INTERVAL * 4, "{:?}", since.elapsed());
        for client in [&mut quiet, &mut old] {
            client
                .check("DISCONNECT|receipt:r", &["RECEIPT|receipt-id:r"])
                .await;
        }
        // The longer of both intervals counts.
        let since = Instant::now();
        for _ in 0..3 {
            assert_eq!(slowly.next().await, "beat");
        }
        assert!(since.elapsed() < INTERVAL * 20, "{:?}", since.elapsed());
    }
}

#[tokio::test]
async fn a_client_that_falls_silent_is_closed_after_the_tolerance() {
    let gateway = beating_gateway().await;
    for (version, started) in [("1.1", ""), ("1.2", ""), ("1.2", "SEND\ndestination:/chat")] {
        let mut client = connected(&gateway, version, "400,0").await;
        client.text(started).await;
        let since = Instant::now();
        assert_eq!(client.rest().await, ["close 4001 heart-beat missed"]);
        assert!(
            since.elapsed() > INTERVAL * (TOLERANCE - 1),
            "{:?}",
            since.elapsed()
        );
    }
}

#[tokio::test]
async fn anything_that_comes_is_a_sign_of_life() {
    let gateway = beating_gateway().await;
    for (name, sign) in [
        ("line feed", ws_frame(TEXT, "\n")),
        ("CR LF", ws_frame(TEXT, "\r\n")),
        ("part of a frame", ws_frame(TEXT, "x")),
        ("ping", ws_frame(PING, "")),
    ] {
        let mut client = connected(&gateway, "1.2", "400,0").await;
        if name == "part of a frame" {
            client.text("BEGIN\nreceipt:r\ntransaction:").await;
        }
        let mut beats = tokio::time::interval(INTERVAL / 4);
        for _ in 0..4 * 2 * TOLERANCE {
            beats.tick().await;
            client.socket.send(&sign).await;
        }
        let rest = if name == "part of a frame" {
            "\n\n\0"
        } else {
            "BEGIN\nreceipt:r\ntransaction:t\n\n\0"
        };
        client.text(rest).await;
        let alive = loop {
            let next = client.next().await;
            if !next.starts_with("pong") {
                break next;
            }
        };
        assert_eq!(alive, "RECEIPT|receipt-id:r", "{name}");
    }
}

#[tokio::test]
async fn who_promises_nothing_may_be_silent() {
    let gateway = beating_gateway().await;
    let mut silent = connected(&gateway, "1.2", "0,400").await;
    // As many intervals as would end a client that promised.
    for _ in 0..2 * TOLERANCE {
        assert_eq!(silent.next().await, "beat");
    }
    silent.send("DISCONNECT|receipt:r").await;
    let answers = silent.rest().await;
    assert!(
        answers.contains(&"RECEIPT|receipt-id:r".to_owned()),
        "{answers:?}"
    );
}

#[tokio::test]
async fn the_tolerance_is_a_setting_of_at_least_three() {
    let program = env!("CARGO_BIN_EXE_gateway");
    for (tolerance, works) in [("2", false), ("0", false), ("101", false)] {
        let mut command = tokio::process::Command::new(program);
        let output = command
            .args(["--auth", "open", "--heart-beat-tolerance", tolerance])
            .output();
        assert_eq!(
            output.await.unwrap().status.code() != Some(64),
            works,
            "{tolerance}"
        );
    }
    let gateway = gateway_with(&[
        "--heart-beat-receive",
        "200ms",
        "--heart-beat-tolerance",
        "8",
    ])
    .await;
    let mut client = Client::new(gateway.listen()).await;
    client
        .send("CONNECT|accept-version:1.2|heart-beat:200,0")
        .await;
    assert!(client.next().await.starts_with("CONNECTED|"));
    let since = Instant::now();
    assert_eq!(client.rest().await, ["close 4001 heart-beat missed"]);
    assert!(
        since.elapsed() > Duration::from_millis(1_500),
        "{:?}",
        since.elapsed()
    );
}
