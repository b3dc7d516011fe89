//! "WebSocket": what SockJS adds to a WebSocket, and the end of those who break it.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::http::within;
use crate::support::{fresh_session, gateway, stomp};

/// A WebSocket that got its open frame.
async fn opened() -> WebSocketStream<TcpStream> {
    let server = gateway().await;
    let stream = TcpStream::connect(server).await.unwrap();
    let url = format!("ws://{server}{}/websocket", fresh_session());
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::text("o"));
    socket
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Message {
    within(socket.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn messages_come_as_an_array_or_alone() {
    let connect = stomp::connect();
    let alone = connect.trim_start_matches('[').trim_end_matches(']');
    for connect in [&connect, alone] {
        let mut socket = opened().await;
        // What holds no message is nothing at all.
        for message in ["", "[]", connect] {
            socket.send(Message::text(message)).await.unwrap();
        }
        let answer = next(&mut socket).await.into_text().unwrap();
        stomp::assert_message(&answer, "CONNECTED\n");
    }
}

#[tokio::test]
async fn a_broken_message_is_answered_by_nothing_but_the_close() {
    for broken in [
        Message::text("[\"a"),
        Message::text("{}"),
        Message::text("[1]"),
        Message::binary("[]"),
    ] {
        let mut socket = opened().await;
        socket.send(broken.clone()).await.unwrap();
        let Message::Close(Some(close)) = next(&mut socket).await else {
            panic!("{broken} is answered by a message");
        };
        assert_eq!(u16::from(close.code), 1007, "{broken}");
        assert_eq!(close.reason.as_str(), "broken JSON encoding", "{broken}");
    }
}
