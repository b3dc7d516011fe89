//! "Http 1.0 and 1.1 chunking".

use crate::support::http::{Connection, Request, ask, begin, get, post};
use crate::support::{fresh_session, gateway, stomp};

#[tokio::test]
async fn http_1_0_gets_lengths_and_no_chunks() {
    let server = gateway().await;
    let greeting = Request {
        version: "1.0",
        ..get("/ws")
    }
    .header("Connection", "Keep-Alive");
    let mut connection = Connection::open(server).await;
    for _ in 0..2 {
        let answer = connection.exchange(&greeting).await;
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (200, "Welcome to SockJS!\n")
        );
        assert_eq!(answer.head.find("transfer-encoding"), None);
        assert_eq!(answer.head.find("content-length"), Some("19"));
    }
}

#[tokio::test]
async fn http_1_0_streams_until_the_connection_closes() {
    let (server, session) = (gateway().await, fresh_session());
    let path = format!("{session}/xhr_streaming");
    let request = Request {
        version: "1.0",
        ..post(&path, "")
    }
    .header("Connection", "Keep-Alive");
    let mut stream = begin(server, request).await;
    let head = stream.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(
        (head.find("transfer-encoding"), head.find("content-length")),
        (None, None)
    );
    assert!(stream.exactly(2_049).await.starts_with('h'));
    assert_eq!(stream.exactly(2).await, "o\n");
    let send = format!("{session}/xhr_send");
    assert_eq!(
        ask(server, post(&send, &stomp::connect())).await.status(),
        204
    );
    assert_eq!(
        ask(server, post(&send, &stomp::disconnect()))
            .await
            .status(),
        204
    );
    assert!(stream.rest().await.ends_with("c[1000,\"disconnected\"]\n"));
}

#[tokio::test]
async fn http_1_1_keeps_the_connection_and_streams_in_chunks() {
    let (server, session) = (gateway().await, fresh_session());
    let mut connection = Connection::open(server).await;
    for _ in 0..2 {
        assert_eq!(
            connection.exchange(&get("/ws")).await.body,
            "Welcome to SockJS!\n"
        );
    }
    let path = format!("{session}/xhr_streaming");
    connection.write(&post(&path, "")).await;
    let head = connection.head().await;
    assert_eq!(
        (head.find("transfer-encoding"), head.find("content-length")),
        (Some("chunked"), None)
    );
    connection.chunk().await.unwrap();
    assert_eq!(connection.chunk().await.unwrap(), "o\n");
    assert_eq!(
        ask(
            server,
            post(&format!("{session}/xhr_send"), &stomp::connect())
        )
        .await
        .status(),
        204
    );
    stomp::assert_message(connection.chunk().await.unwrap().trim_end(), "CONNECTED\n");
    assert_eq!(
        ask(
            server,
            post(&format!("{session}/xhr_send"), &stomp::disconnect())
        )
        .await
        .status(),
        204
    );
    while connection.chunk().await.is_some() {}
    assert_eq!(connection.exchange(&get("/ws")).await.status(), 200);
}
