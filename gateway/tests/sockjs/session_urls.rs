//! "Session URLs".

use crate::support::http::{ask, get, post};
use crate::support::{fresh_session, gateway, stomp};

#[tokio::test]
async fn any_value_names_a_server_and_a_session() {
    let server = gateway().await;
    let unique = uuid::Uuid::new_v4();
    for part in [
        "/a/a",
        "/_/_",
        "/1/",
        "/abcdefgh_i-j%20/abcdefg_i-j%20",
        "/a/~!$&'()*+,;=:@",
    ] {
        let answer = ask(server, post(&format!("/ws{part}{unique}/xhr"), "")).await;
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (200, "o\n"),
            "{part}"
        );
    }
}

#[tokio::test]
async fn empty_values_dots_and_other_numbers_of_parts_are_not_found() {
    let server = gateway().await;
    for part in ["//", "/a./a", "/a/a.", "/./.", "/", "///"] {
        let path = format!("/ws{part}/xhr");
        assert_eq!(ask(server, get(&path)).await.status(), 404, "GET {path}");
        assert_eq!(
            ask(server, post(&path, "")).await.status(),
            404,
            "POST {path}"
        );
    }
    let path = "/ws/a./a/websocket";
    assert_eq!(ask(server, get(path)).await.status(), 404, "GET {path}");
}

#[tokio::test]
async fn a_session_is_known_by_its_own_id_whatever_the_server_id() {
    let server = gateway().await;
    let session = uuid::Uuid::new_v4();
    let open = ask(server, post(&format!("/ws/000/{session}/xhr"), "")).await;
    assert_eq!(open.body, "o\n");
    let sent = ask(
        server,
        post(&format!("/ws/111/{session}/xhr_send"), &stomp::connect()),
    )
    .await;
    assert_eq!((sent.status(), sent.body.as_str()), (204, ""));
    let polled = ask(server, post(&format!("/ws/999/{session}/xhr"), "")).await;
    stomp::assert_message(polled.body.trim_end(), "CONNECTED\n");
}

#[tokio::test]
async fn sending_to_an_unknown_session_is_not_found() {
    let server = gateway().await;
    for transport in ["xhr_send", "jsonp_send"] {
        let path = format!("{}/{transport}", fresh_session());
        assert_eq!(
            ask(server, post(&path, "[\"x\"]")).await.status(),
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn head_opens_no_session() {
    let server = gateway().await;
    let session = fresh_session();
    let head = crate::support::http::Request {
        method: "HEAD",
        ..get("")
    };
    let path = format!("{session}/jsonp?c=x");
    assert_eq!(
        ask(
            server,
            crate::support::http::Request {
                path: &path,
                ..head
            }
        )
        .await
        .status(),
        405
    );
    assert_eq!(
        ask(server, post(&format!("{session}/xhr_send"), "[]"))
            .await
            .status(),
        404
    );
}
