//! The opening handshake (RFC 6455, sections 4.2.1 and 4.2.2), and what is no handshake.

use crate::support::script::Client;
use crate::support::socket::{Socket, TEXT, UPGRADE, request_text, ws_frame};
use crate::support::{gateway, gateway_with};

/// The usual handshake with a header replaced, added, or taken away.
fn upgrade_with<'a>(name: &'a str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let others = UPGRADE.into_iter().filter(|(known, _)| *known != name);
    others.chain(value.map(|value| (name, value))).collect()
}

#[tokio::test]
async fn a_proper_handshake_is_accepted_at_every_address() {
    for path in [
        "/ws",
        "/ws/",
        "/ws?token=x",
        "/ws/websocket",
        "/ws/000/a-session/websocket",
    ] {
        let mut socket = Socket::tcp(gateway().await).await;
        let head = socket
            .request(&format!("GET {path} HTTP/1.1"), &UPGRADE)
            .await;
        assert_eq!(head.status, 101, "{path}");
        // The example of RFC 6455, section 1.3.
        assert_eq!(
            head.get("sec-websocket-accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        assert_eq!(head.get("upgrade"), Some("websocket"));
        assert_eq!(
            head.get("connection")
                .map(str::to_ascii_lowercase)
                .as_deref(),
            Some("upgrade")
        );
        assert_eq!(head.get("sec-websocket-protocol"), None);
    }
}

#[tokio::test]
async fn the_highest_offered_protocol_is_chosen_and_foreign_ones_none() {
    for (offer, chosen) in [
        ("v12.stomp", Some("v12.stomp")),
        ("v11.stomp", Some("v11.stomp")),
        ("v10.stomp", Some("v10.stomp")),
        ("v10.stomp, v11.stomp, v12.stomp", Some("v12.stomp")),
        ("v12.stomp,v11.stomp,v10.stomp", Some("v12.stomp")),
        ("mqtt, v11.stomp", Some("v11.stomp")),
        ("mqtt", None),
        ("V12.STOMP", None),
    ] {
        let mut socket = Socket::tcp(gateway().await).await;
        let headers = upgrade_with("Sec-WebSocket-Protocol", Some(offer));
        let head = socket.request("GET /ws HTTP/1.1", &headers).await;
        assert_eq!(head.status, 101, "{offer}");
        assert_eq!(head.get("sec-websocket-protocol"), chosen, "{offer}");
    }
}

#[tokio::test]
async fn offered_extensions_are_declined() {
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=10, x-webkit-deflate-frame",
    ] {
        let mut socket = Socket::tcp(gateway().await).await;
        let headers = upgrade_with("Sec-WebSocket-Extensions", Some(offer));
        let head = socket.request("GET /ws HTTP/1.1", &headers).await;
        assert_eq!(head.status, 101, "{offer}");
        assert_eq!(head.get("sec-websocket-extensions"), None, "{offer}");
        let mut client = Client::on(socket);
        client.send("CONNECT|accept-version:1.2").await;
        assert!(client.next().await.starts_with("CONNECTED|"), "{offer}");
        client
            .check(
                "DISCONNECT|receipt:r",
                &["RECEIPT|receipt-id:r", "close 1000 disconnected"],
            )
            .await;
    }
}

#[tokio::test]
async fn tokens_are_compared_without_case_and_found_in_lists() {
    for (name, value) in [
        ("Upgrade", "WebSocket"),
        ("Upgrade", "WEBSOCKET"),
        ("Connection", "upgrade"),
        ("Connection", "Upgrade"),
        ("Connection", "keep-alive,UPGRADE"),
        ("Host", "chat.example:8080"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ] {
        let mut socket = Socket::tcp(gateway().await).await;
        let head = socket
            .request("GET /ws HTTP/1.1", &upgrade_with(name, Some(value)))
            .await;
        assert_eq!(head.status, 101, "{name}: {value}");
    }
}

#[tokio::test]
async fn what_is_no_proper_handshake_is_refused_with_the_right_status() {
    for (line, name, value, status) in [
        ("GET /ws/websocket HTTP/1.1", "Upgrade", None, 400),
        ("GET /ws/websocket HTTP/1.1", "Upgrade", Some("h2c"), 400),
        ("GET /ws HTTP/1.1", "Connection", None, 400),
        ("GET /ws HTTP/1.1", "Connection", Some("keep-alive"), 400),
        ("GET /ws HTTP/1.1", "Host", None, 400),
        ("GET /ws HTTP/1.1", "Sec-WebSocket-Key", None, 400),
        ("GET /ws HTTP/1.1", "Sec-WebSocket-Key", Some(""), 400),
        (
            "GET /ws HTTP/1.1",
            "Sec-WebSocket-Key",
            Some("c2hvcnQ="),
            400,
        ),
        (
            "GET /ws HTTP/1.1",
            "Sec-WebSocket-Key",
            Some("dGhlIHNhbXBsZSBub25jZQ"),
            400,
        ),
        (
            "GET /ws HTTP/1.1",
            "Sec-WebSocket-Key",
            Some("dGhlIHNhbXBsZSBub25jZ*=="),
            400,
        ),
        ("GET /ws HTTP/1.1", "Sec-WebSocket-Version", None, 426),
        ("GET /ws HTTP/1.1", "Sec-WebSocket-Version", Some("8"), 426),
        ("GET /ws HTTP/1.1", "Sec-WebSocket-Version", Some("14"), 426),
        ("GET /ws HTTP/1.0", "X-Any", None, 505),
        ("POST /ws HTTP/1.1", "X-Any", None, 405),
        ("PUT /ws HTTP/1.1", "X-Any", None, 405),
        ("GET /wss HTTP/1.1", "X-Any", None, 404),
        ("GET /nowhere HTTP/1.1", "X-Any", None, 404),
    ] {
        let mut socket = Socket::tcp(gateway().await).await;
        let head = socket.request(line, &upgrade_with(name, value)).await;
        assert_eq!(head.status, status, "{line} with {name}: {value:?}");
        if status == 426 {
            assert_eq!(head.get("sec-websocket-version"), Some("13"));
        }
    }
}

#[tokio::test]
async fn octets_behind_the_handshake_are_the_first_of_the_websocket() {
    let mut socket = Socket::tcp(gateway().await).await;
    let request = request_text("GET /ws HTTP/1.1", &UPGRADE);
    let frame = ws_frame(TEXT, "CONNECT\naccept-version:1.1\n\n\0").encode();
    let octets = [request.as_bytes(), &frame].concat();
    socket.write(&octets).await;
    assert_eq!(socket.head().await.status, 101);
    assert!(
        Client::on(socket)
            .next()
            .await
            .starts_with("CONNECTED|version:1.1|")
    );
}

#[tokio::test]
async fn who_connects_and_says_nothing_or_too_slowly_is_not_kept() {
    let gateway = gateway_with(&["--request-head-max", "300ms"]).await;
    for octets in ["", "GET /ws HTTP/1.1\r\nHost: test\r\n"] {
        let mut socket = Socket::tcp(gateway.listen()).await;
        socket.write(octets.as_bytes()).await;
        assert!(socket.is_ended().await, "{octets:?}");
    }
    // Between two requests too.
    let mut socket = Socket::tcp(gateway.listen()).await;
    let head = socket
        .request("HEAD /ws HTTP/1.1", &[("Host", "test")])
        .await;
    assert_eq!(head.status, 200);
    assert!(socket.is_ended().await);
    // But an upgraded connection may be silent.
    let mut first = Client::connected(gateway.listen(), "1.2").await;
    assert!(Socket::tcp(gateway.listen()).await.is_ended().await);
    first
        .check("BEGIN|transaction:t|receipt:r", &["RECEIPT|receipt-id:r"])
        .await;
}
