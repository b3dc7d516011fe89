//! "Static URLs": greeting, iframe page, info.

use std::net::SocketAddr;

use crate::support::gateway;
use crate::support::http::{Answer, Request, ask, get, options, post};

const NOT_CACHED: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

fn assert_cached(answer: &Answer) {
    let control = answer.head.find("cache-control").unwrap_or_default();
    assert!(
        control.contains("public") && control.contains("max-age=31536000"),
        "{answer:?}"
    );
    assert!(answer.head.find("expires").is_some(), "{answer:?}");
}

fn assert_readable_by(answer: &Answer, origin: Option<&str>) {
    let head = &answer.head;
    assert_eq!(
        head.find("access-control-allow-origin"),
        Some(origin.unwrap_or("*"))
    );
    assert_eq!(
        head.find("access-control-allow-credentials"),
        origin.map(|_| "true")
    );
}

async fn assert_preflight(server: SocketAddr, path: &str, methods: &str) {
    for origin in ["test", "null"] {
        let asked = options(path)
            .header("Origin", origin)
            .header("Access-Control-Request-Method", methods);
        let answer = ask(server, asked).await;
        assert_eq!(answer.status(), 204, "{path}");
        assert_cached(&answer);
        assert_readable_by(&answer, Some(origin));
        assert_eq!(
            answer.head.find("access-control-allow-methods"),
            Some(methods),
            "{path}"
        );
        assert_eq!(answer.head.find("access-control-max-age"), Some("31536000"));
        assert_eq!(answer.body, "");
    }
}

#[tokio::test]
async fn the_base_url_greets_with_and_without_a_slash() {
    let server = gateway().await;
    for path in ["/ws", "/ws/"] {
        let answer = ask(server, get(path)).await;
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (200, "Welcome to SockJS!\n"),
            "{path}"
        );
        assert_eq!(
            answer.head.compact("content-type"),
            "text/plain;charset=UTF-8"
        );
        assert_eq!(answer.head.find("set-cookie"), None);
    }
}

#[tokio::test]
async fn paths_that_the_protocol_does_not_know_are_not_found() {
    let server = gateway().await;
    for suffix in [
        "/a", "/a.html", "//", "///", "/a/a", "/a/a/", "/a/", "/a/a/a",
    ] {
        assert_eq!(
            ask(server, get(&format!("/ws{suffix}"))).await.status(),
            404,
            "{suffix}"
        );
    }
}

#[tokio::test]
async fn the_iframe_page_is_served_under_any_version_and_query() {
    let server = gateway().await;
    for name in [
        "iframe.html",
        "iframe-a.html",
        "iframe-.html",
        "iframe-0.1.2.html",
        "iframe-0.1.2abc-dirty.2144.html?t=1234",
    ] {
        let answer = ask(server, get(&format!("/ws/{name}"))).await;
        assert_eq!(answer.status(), 200, "{name}");
        assert_eq!(
            answer.head.compact("content-type"),
            "text/html;charset=UTF-8"
        );
        assert_cached(&answer);
        assert!(answer.head.find("etag").is_some() && answer.head.find("last-modified").is_none());
        assert_eq!(answer.head.find("set-cookie"), None);
        assert!(
            answer.body.starts_with("<!DOCTYPE html>\n<html>\n"),
            "{}",
            answer.body
        );
        assert!(
            answer
                .body
                .contains("  <script src=\"/sockjs.min.js\"></script>\n"),
            "{}",
            answer.body
        );
        assert!(
            answer.body.contains("SockJS.bootstrap_iframe();"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn malformed_iframe_names_are_not_found() {
    let server = gateway().await;
    for name in [
        "iframe.htm",
        "iframe",
        "IFRAME.HTML",
        "IFRAME",
        "iframe.HTML",
        "iframe.xml",
        "iframe-/.html",
    ] {
        assert_eq!(
            ask(server, get(&format!("/ws/{name}"))).await.status(),
            404,
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_iframe_page_is_not_sent_to_who_has_it() {
    let server = gateway().await;
    let first = ask(server, get("/ws/iframe.html")).await;
    let etag = first.head.find("etag").unwrap();
    let again = ask(server, get("/ws/iframe.html").header("If-None-Match", etag)).await;
    assert_eq!((again.status(), again.body.as_str()), (304, ""));
    assert_eq!(again.head.find("content-type"), None);
    assert_eq!(again.head.find("etag"), Some(etag));
}

#[tokio::test]
async fn info_tells_what_the_server_can_and_is_never_cached() {
    let server = gateway().await;
    let mut entropies = Vec::new();
    for origin in [Some("test"), None] {
        let mut asked: Request<'_> = get("/ws/info");
        if let Some(origin) = origin {
            asked = asked.header("Origin", origin);
        }
        let answer = ask(server, asked).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.head.compact("content-type"),
            "application/json;charset=UTF-8"
        );
        assert_eq!(answer.head.find("cache-control"), Some(NOT_CACHED));
        assert_eq!(answer.head.find("set-cookie"), None);
        assert_readable_by(&answer, origin);
        let info: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(info["websocket"], true);
        assert_eq!(info["cookie_needed"], false);
        assert_eq!(info["origins"], serde_json::json!(["*:*"]));
        entropies.push(info["entropy"].as_u64().unwrap());
    }
    assert_ne!(entropies[0], entropies[1]);
}

#[tokio::test]
async fn preflight_requests_are_answered_and_cached() {
    let server = gateway().await;
    assert_preflight(server, "/ws/info", "OPTIONS, GET").await;
    for transport in ["xhr", "xhr_send", "xhr_streaming"] {
        assert_preflight(server, &format!("/ws/abc/abc/{transport}"), "OPTIONS, POST").await;
    }
}

#[tokio::test]
async fn requested_headers_are_allowed_unless_there_are_none() {
    let server = gateway().await;
    for (asked, allowed) in [
        (Some("a, b, c"), Some("a, b, c")),
        (Some(""), None),
        (None, None),
    ] {
        let mut request = options("/ws/abc/abc/xhr").header("Origin", "test");
        if let Some(asked) = asked {
            request = request.header("Access-Control-Request-Headers", asked);
        }
        let answer = ask(server, request).await;
        assert_eq!(answer.status(), 204);
        assert_readable_by(&answer, Some("test"));
        assert_eq!(answer.head.find("access-control-allow-headers"), allowed);
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_those_allowed_and_nothing_else() {
    let server = gateway().await;
    for (path, method, allowed) in [
        ("/ws/info", "POST", "OPTIONS, GET"),
        ("/ws/iframe.html", "POST", "GET, HEAD"),
        ("/ws/a/a/xhr", "GET", "OPTIONS, POST"),
        ("/ws/a/a/xhr_send", "GET", "OPTIONS, POST"),
        ("/ws/a/a/xhr_streaming", "HEAD", "OPTIONS, POST"),
        ("/ws/a/a/eventsource", "POST", "GET"),
        ("/ws/a/a/eventsource", "HEAD", "GET"),
        ("/ws/a/a/htmlfile", "POST", "GET"),
        ("/ws/a/a/jsonp", "POST", "GET"),
        ("/ws/a/a/jsonp_send", "GET", "POST"),
        ("/ws/a/a/websocket", "POST", "GET,HEAD"),
    ] {
        let answer = ask(
            server,
            Request {
                method,
                ..get(path)
            },
        )
        .await;
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.head.find("allow"), Some(allowed), "{method} {path}");
        assert_eq!(answer.head.find("content-type"), None, "{method} {path}");
        assert_eq!(answer.body, "", "{method} {path}");
    }
    assert_eq!(ask(server, post("/ws/a", "")).await.status(), 404);
}

#[tokio::test]
async fn a_websocket_url_refuses_what_is_no_websocket_handshake() {
    let server = gateway().await;
    let answer = ask(server, get("/ws/0/0/websocket")).await;
    assert_eq!(answer.status(), 400);
    assert!(
        answer
            .body
            .contains("Can \"Upgrade\" only to \"WebSocket\"."),
        "{}",
        answer.body
    );
    let asked = get("/ws/0/0/websocket")
        .header("Upgrade", "WebSocket")
        .header("Connection", "close");
    let answer = ask(server, asked).await;
    assert_eq!(answer.status(), 400);
    assert!(
        answer.body.contains("\"Connection\" must be \"Upgrade\"."),
        "{}",
        answer.body
    );
}
