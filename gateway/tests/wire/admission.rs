//! Who is let in, and that those who are here notice nothing of those who are not.

use std::net::SocketAddr;

use local::daemon::Daemon;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::script::{Client, frame};
use crate::support::socket::{Head, Socket, UPGRADE, get};
use crate::support::{fresh_chat, gateway_with, logged, metric, within};

/// A WebSocket handshake from 127.0.0.`last`, and what comes of it.
async fn knock(last: u8, server: SocketAddr) -> (Socket, Head) {
    let mut socket = Socket::from(last, server).await;
    let head = socket.request("GET /ws HTTP/1.1", &UPGRADE).await;
    (socket, head)
}

/// A client that is in.
async fn client(last: u8, server: SocketAddr) -> Client {
    let (socket, head) = knock(last, server).await;
    assert_eq!(head.status, 101);
    let mut client = Client::on(socket);
    client.send("CONNECT|accept-version:1.2").await;
    assert!(client.next().await.starts_with("CONNECTED"));
    client
}

async fn is_well(client: &mut Client) {
    let begin = "BEGIN|transaction:t|receipt:b";
    client.check(begin, &["RECEIPT|receipt-id:b"]).await;
    let abort = "ABORT|transaction:t|receipt:a";
    client.check(abort, &["RECEIPT|receipt-id:a"]).await;
}

async fn turned_away(gateway: &Daemon, reason: &str) -> f64 {
    metric(
        gateway,
        &format!("gateway_turned_away_total{{reason=\"{reason}\"}}"),
    )
    .await
}

/// Until a handshake succeeds: a place becomes free a moment after its connection ended.
async fn get_in(last: u8, server: SocketAddr) -> Socket {
    let until_in = async {
        loop {
            let (socket, head) = knock(last, server).await;
            if head.status == 101 {
                return socket;
            }
        }
    };
    within(until_in).await
}

#[tokio::test]
async fn a_full_gateway_says_so_and_its_clients_notice_nothing() {
    let gateway = gateway_with(&["--connections-max", "2"]).await;
    let mut first = client(2, gateway.listen()).await;
    let second = client(3, gateway.listen()).await;
    for _ in 0..5 {
        let (_, head) = knock(4, gateway.listen()).await;
        assert_eq!(head.status, 503);
        assert_eq!(head.get("retry-after"), Some("5"));
    }
    assert!(turned_away(&gateway, "full").await >= 5.0);
    is_well(&mut first).await;
    drop(second);
    get_in(4, gateway.listen()).await;
}

#[tokio::test]
async fn one_address_takes_no_more_than_its_share() {
    let gateway = gateway_with(&["--address-connections-max", "2"]).await;
    let (_first, _second) = (
        client(2, gateway.listen()).await,
        client(2, gateway.listen()).await,
    );
    let (_, head) = knock(2, gateway.listen()).await;
    assert_eq!(head.status, 429);
    assert!(head.get("retry-after").is_some());
    let mut other = client(3, gateway.listen()).await;
    is_well(&mut other).await;
    assert!(turned_away(&gateway, "address").await >= 1.0);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_a_share() {
    let gateway = gateway_with(&[
        "--trusted-proxies",
        "127.0.0.1",
        "--address-connections-max",
        "1",
    ])
    .await;
    let knock = async |forwarded: &'static str| {
        let mut socket = Socket::tcp(gateway.listen()).await;
        let headers = [UPGRADE.as_slice(), &[("X-Forwarded-For", forwarded)]].concat();
        let head = socket.request("GET /ws HTTP/1.1", &headers).await;
        (socket, head.status)
    };
    let (_first, status) = knock("203.0.113.1").await;
    assert_eq!(status, 101);
    // The second address is only what the client says of itself.
    assert_eq!(knock("203.0.113.2, 203.0.113.1").await.1, 429);
    let (_second, status) = knock("203.0.113.2").await;
    assert_eq!(status, 101);
}

#[tokio::test]
async fn newcomers_are_slowed_down_by_address_and_in_all() {
    let by_address = gateway_with(&["--address-connections-per-second-max", "1"]).await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(knock(2, by_address.listen()).await.1.status);
    }
    assert_eq!(statuses[..5], [101; 5]);
    assert!(statuses.contains(&429), "{statuses:?}");
    client(3, by_address.listen()).await;

    let in_all = gateway_with(&["--connections-per-second-max", "1"]).await;
    let mut statuses = Vec::new();
    for last in 2..22 {
        statuses.push(knock(last, in_all.listen()).await.1.status);
    }
    assert_eq!(statuses[..5], [101; 5]);
    assert!(statuses.contains(&503), "{statuses:?}");
    assert!(turned_away(&in_all, "crowd").await >= 1.0);
}

#[tokio::test]
async fn queries_of_one_address_are_slowed_down() {
    let gateway = gateway_with(&["--address-queries-per-second-max", "1"]).await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let (head, body) = get(gateway.listen(), "/api/chats/x", &[]).await;
        statuses.push(head.status);
        if head.status == 429 {
            assert!(body.contains("RATE_LIMITED"), "{body}");
            assert_eq!(head.get("retry-after"), Some("1"));
        }
    }
    assert_eq!(statuses[..5], [400; 5]);
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn with_memory_used_up_newcomers_wait_and_the_others_go_on() {
    let unbounded = gateway_with(&[]).await;
    let resident = metric(&unbounded, "process_resident_memory_bytes").await;
    assert!(resident > 0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "far below 2^53"
    )]
    let bound = (resident as u64 + (24 << 20)).to_string();
    let gateway = gateway_with(&["--memory-max", &bound]).await;
    let mut good = client(2, gateway.listen()).await;
    let chat = fresh_chat();
    let subscribe = format!("SUBSCRIBE|id:s|destination:/countries/{chat}/events|receipt:s");
    good.check(&subscribe, &["RECEIPT|receipt-id:s"]).await;

    // Others fill it with what they may hold each: open transactions of a megabyte.
    let mut hoarders = Vec::new();
    let send = format!(
        "SEND|destination:/x|transaction:t||{}",
        "x".repeat(60 << 10)
    );
    let refused = async {
        loop {
            let (socket, head) = knock(3, gateway.listen()).await;
            if head.status == 503 {
                return head;
            }
            let mut hoarder = Client::on(socket);
            let begin = "CONNECT|accept-version:1.2";
            hoarder
                .text(&(frame(begin) + &frame("BEGIN|transaction:t")))
                .await;
            for _ in 0..16 {
                hoarder.text(&frame(&send)).await;
            }
            assert!(hoarder.next().await.starts_with("CONNECTED"));
            is_well_with_another_transaction(&mut hoarder).await;
            hoarders.push(hoarder);
        }
    };
    let refused = within(refused).await;
    assert_eq!(refused.get("retry-after"), Some("5"));
    assert!(!hoarders.is_empty());
    logged(&gateway, &["memory is used up"]).await;
    assert!(turned_away(&gateway, "memory").await >= 1.0);
    is_well(&mut good).await;
    is_well_with_another_transaction(hoarders.last_mut().unwrap()).await;
}

async fn is_well_with_another_transaction(client: &mut Client) {
    let begin = "BEGIN|transaction:u|receipt:b";
    client.check(begin, &["RECEIPT|receipt-id:b"]).await;
    let abort = "ABORT|transaction:u|receipt:a";
    client.check(abort, &["RECEIPT|receipt-id:a"]).await;
}

#[tokio::test]
async fn a_gateway_without_file_descriptors_waits_and_goes_on() {
    let gateway = gateway_with(&[]).await;
    let mut here = client(2, gateway.listen()).await;
    let process = Pid::from_raw(gateway.process().pid());
    let none = Rlimit {
        current: Some(3),
        maximum: None,
    };
    let before = rustix::process::getrlimit(Resource::Nofile);
    let none = Rlimit {
        maximum: before.maximum,
        ..none
    };
    prlimit(process, Resource::Nofile, none).unwrap();
    let mut waiting = Socket::from(3, gateway.listen()).await;
    logged(&gateway, &["connections cannot be taken"]).await;
    is_well(&mut here).await;
    prlimit(process, Resource::Nofile, before).unwrap();
    // Who came meanwhile waited in the kernel's queue.
    let head = waiting.request("GET /ws HTTP/1.1", &UPGRADE).await;
    assert_eq!(head.status, 101);
    assert!(metric(&gateway, "gateway_accept_errors_total").await >= 1.0);
}

#[tokio::test]
async fn who_sends_no_first_request_is_not_kept_for_long() {
    let gateway = gateway_with(&["--first-head-max", "300ms"]).await;
    for octets in ["", "GET /ws HTTP/1.1\r\nHost: test\r\nX: "] {
        let mut socket = Socket::tcp(gateway.listen()).await;
        socket.write(octets.as_bytes()).await;
        assert!(socket.is_ended().await, "{octets:?}");
    }
    // Between requests there is more time.
    let mut socket = Socket::tcp(gateway.listen()).await;
    for _ in 0..2 {
        let head = socket
            .request("HEAD /ws HTTP/1.1", &[("Host", "test")])
            .await;
        assert_eq!(head.status, 200);
        assert!(Socket::tcp(gateway.listen()).await.is_ended().await);
    }
    assert!(turned_away(&gateway, "no_request").await >= 2.0);
}

#[tokio::test]
async fn endless_and_countless_headers_are_refused() {
    let gateway = gateway_with(&[]).await;
    for head in [
        format!(
            "GET /ws HTTP/1.1\r\nHost: test\r\nX: {}",
            "x".repeat(64 << 10)
        ),
        format!(
            "GET /ws HTTP/1.1\r\nHost: test\r\n{}\r\n",
            "X: y\r\n".repeat(200)
        ),
    ] {
        let mut socket = Socket::tcp(gateway.listen()).await;
        // The gateway may have had enough before all of it is written.
        let _ = socket.try_write(head.as_bytes()).await;
        assert_eq!(socket.head().await.status, 431);
    }
}
