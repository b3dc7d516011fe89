//! Whose pages may come: WebSocket, SockJS and the queries, by `Origin`.

use crate::support::socket::{Socket, UPGRADE, get};
use crate::support::{gateway, gateway_with, logged, metric};

const WEBSOCKETS: [&str; 4] = [
    "/ws",
    "/ws/",
    "/ws/websocket",
    "/ws/000/a-session/websocket",
];

const PAGES: [&str; 3] = ["/ws/info", "/ws/iframe.html", "/api/nothing"];

/// The status of a handshake from a page of this origin, at a gateway that the page calls `host`.
async fn handshake(server: std::net::SocketAddr, path: &str, headers: &[(&str, &str)]) -> u16 {
    let others = UPGRADE.into_iter().filter(|(name, _)| *name != "Host");
    let headers: Vec<_> = others.chain(headers.iter().copied()).collect();
    let mut socket = Socket::tcp(server).await;
    let line = format!("GET {path} HTTP/1.1");
    socket.request(&line, &headers).await.status
}

#[tokio::test]
async fn own_pages_and_programs_may_come_and_foreign_pages_may_not() {
    let server = gateway().await;
    let host = server.to_string();
    let own = format!("http://{host}");
    for (origin, allowed) in [
        (Some(own.as_str()), true),
        (None, true),
        (Some("https://evil.example"), false),
        (Some("http://127.0.0.1:1"), false),
        (Some("null"), false),
        (Some(""), false),
    ] {
        let origin = origin.map(|origin| ("Origin", origin));
        let headers: Vec<_> = [("Host", host.as_str())]
            .into_iter()
            .chain(origin)
            .collect();
        for path in WEBSOCKETS {
            let expected = if allowed { 101 } else { 403 };
            assert_eq!(
                handshake(server, path, &headers).await,
                expected,
                "{path} {origin:?}"
            );
        }
        for path in PAGES {
            let (head, body) = get(server, path, &headers).await;
            let expected = match (allowed, path) {
                (false, _) => 403,
                (true, "/api/nothing") => 404,
                (true, _) => 200,
            };
            assert_eq!(head.status, expected, "{path} {origin:?}");
            if !allowed {
                assert!(body.contains("--allowed-origins"), "{body}");
                assert_eq!(head.get("access-control-allow-origin"), None);
            }
        }
    }
}

#[tokio::test]
async fn a_refused_origin_is_counted_and_logged() {
    let gateway = gateway_with(&[]).await;
    let headers = [("Origin", "https://evil.example")];
    assert_eq!(
        get(gateway.listen(), "/ws/info", &headers).await.0.status,
        403
    );
    let refused = r#"gateway_turned_away_total{reason="origin"}"#;
    assert!((metric(&gateway, refused).await - 1.0).abs() < f64::EPSILON);
    logged(
        &gateway,
        &[
            "origin is not allowed",
            "https://evil.example",
            "127.0.0.1",
            "/ws/info",
        ],
    )
    .await;
}

#[tokio::test]
async fn listed_origins_may_come_and_read_the_answers() {
    let list = "http://localhost:5173,https://*.example.org";
    let gateway = gateway_with(&["--allowed-origins", list]).await;
    for (origin, allowed) in [
        ("http://localhost:5173", true),
        ("https://chat.example.org", true),
        ("https://example.org", false),
        ("https://chat.example.org.evil.example", false),
        ("http://localhost:5174", false),
    ] {
        let expected = if allowed { 101 } else { 403 };
        let headers = [("Host", "gateway"), ("Origin", origin)];
        assert_eq!(
            handshake(gateway.listen(), "/ws", &headers).await,
            expected,
            "{origin}"
        );
        for path in ["/ws/info", "/api/openapi.json"] {
            let (head, _) = get(gateway.listen(), path, &headers).await;
            let readable = head.get("access-control-allow-origin");
            assert_eq!(readable, allowed.then_some(origin), "{path} {origin}");
        }
        // What a browser asks before it sends a token along.
        let asked = [
            ("Host", "gateway"),
            ("Origin", origin),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        let mut socket = Socket::tcp(gateway.listen()).await;
        let head = socket.request("OPTIONS /api/chats HTTP/1.1", &asked).await;
        let may_send = head.get("access-control-allow-headers");
        assert_eq!(
            may_send,
            allowed.then_some("authorization,traceparent"),
            "{origin}"
        );
        assert_eq!(head.get("access-control-allow-credentials"), None);
    }
    let (page, _) = get(gateway.listen(), "/ws/iframe.html", &[]).await;
    assert_eq!(
        page.get("content-security-policy"),
        Some("frame-ancestors 'self' http://localhost:5173 https://*.example.org")
    );
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_own_origin_is_what_the_client_called() {
    let trusting = gateway_with(&["--trusted-proxies", "127.0.0.0/8"]).await;
    let not_trusting = gateway_with(&[]).await;
    for (origin, proto, allowed) in [
        ("https://chat.example.org", "https", true),
        ("http://chat.example.org", "https", false),
        ("https://evil.example", "https", false),
        ("http://chat.example.org", "http", true),
    ] {
        let headers = [
            ("Host", "10.0.0.7:8080"),
            ("X-Forwarded-Host", "chat.example.org"),
            ("X-Forwarded-Proto", proto),
            ("Origin", origin),
        ];
        let expected = if allowed { 101 } else { 403 };
        assert_eq!(
            handshake(trusting.listen(), "/ws", &headers).await,
            expected,
            "{origin}"
        );
        assert_eq!(
            handshake(not_trusting.listen(), "/ws", &headers).await,
            403,
            "{origin}"
        );
    }
}

#[tokio::test]
async fn the_address_of_a_client_is_that_which_the_trusted_proxy_saw() {
    let gateway = gateway_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let forwarded = [
        ("Host", "test"),
        ("X-Forwarded-For", "1.2.3.4, 203.0.113.7"),
    ];
    assert_eq!(handshake(gateway.listen(), "/ws", &forwarded).await, 101);
    logged(&gateway, &["connection ended", "203.0.113.7"]).await;
}

#[tokio::test]
async fn settings_that_are_no_origins_or_networks_end_the_process_with_64() {
    for (flag, value) in [
        ("--allowed-origins", "https://example.org/path"),
        ("--allowed-origins", "example.org"),
        ("--trusted-proxies", "10.0.0.0/64"),
        ("--trusted-proxies", "proxy.internal"),
    ] {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["--auth", "open", flag, value])
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(64), "{flag} {value}");
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(said.contains(value), "{said}");
    }
}
