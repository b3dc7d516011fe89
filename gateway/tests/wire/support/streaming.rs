//! STOMP over SockJS's streaming transport, read as slowly as a test wants.

use std::net::SocketAddr;

use super::script::{frame, show};
use super::socket::Socket;

/// A STOMP client on SockJS over HTTP.
pub(crate) struct StreamingClient {
    server: SocketAddr,
    session: String,
    response: Option<Socket>,
    inbox: String,
}

impl StreamingClient {
    /// Connected in STOMP 1.2.
    pub(crate) async fn connected(server: SocketAddr) -> Self {
        let mut client = Self {
            server,
            session: format!("/ws/000/{}", uuid::Uuid::new_v4()),
            response: None,
            inbox: String::new(),
        };
        assert_eq!(client.sockjs_frame().await, "o");
        client.send("CONNECT|accept-version:1.2").await;
        assert!(client.until("CONNECTED").await.len() == 1);
        client
    }

    /// Sends the frame that a line stands for.
    pub(crate) async fn send(&mut self, line: &str) {
        let body = serde_json::to_string(&[frame(line)]).unwrap();
        let mut socket = self.post("xhr_send", &body).await;
        assert_eq!(socket.head().await.status, 204);
    }

    /// Every STOMP frame up to the first one that starts so, or up to the end of the session, which is shown as
    /// `close CODE reason`.
    pub(crate) async fn until(&mut self, last: &str) -> Vec<String> {
        let mut shown = Vec::new();
        loop {
            let frame = self.sockjs_frame().await;
            if let Some(array) = frame.strip_prefix('a') {
                let frames: Vec<String> = serde_json::from_str(array).unwrap();
                shown.extend(
                    frames
                        .iter()
                        .map(|frame| show(frame.trim_end_matches('\0'))),
                );
            } else if let Some(close) = frame.strip_prefix('c') {
                let (code, reason): (u16, String) = serde_json::from_str(close).unwrap();
                shown.push(format!("close {code} {reason}"));
                return shown;
            }
            if shown.last().is_some_and(|frame| frame.starts_with(last)) {
                return shown;
            }
        }
    }

    /// The next SockJS frame, over as many responses as it takes.
    async fn sockjs_frame(&mut self) -> String {
        loop {
            if let Some((frame, rest)) = self.inbox.split_once('\n') {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.inbox = rest;
                // Responses begin with thousands of `h`, for the sake of old browsers.
                if frame.trim_start_matches('h').is_empty() {
                    continue;
                }
                return frame;
            }
            let mut response = match self.response.take() {
                Some(response) => response,
                None => {
                    let mut response = self.post("xhr_streaming", "").await;
                    assert_eq!(response.head().await.status, 200);
                    response
                }
            };
            if let Some(chunk) = response.chunk().await {
                self.inbox += &chunk;
                self.response = Some(response);
            }
        }
    }

    async fn post(&self, resource: &str, body: &str) -> Socket {
        let mut socket = Socket::tcp(self.server).await;
        let (session, length) = (&self.session, body.len());
        let head = format!(
            "POST {session}/{resource} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n"
        );
        socket.write((head + body).as_bytes()).await;
        socket
    }
}
