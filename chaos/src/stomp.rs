//! A STOMP 1.2 client over a raw WebSocket that expects to be cut off at any time.
//!
//! Written apart from the gateway's own codec, so that a mistake in that one cannot hide itself.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Longest wait for a connection, the WebSocket handshake and CONNECTED together.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Longest wait for a frame to leave.
const SEND_MAX: Duration = Duration::from_secs(3);
/// How often the gateway is asked to show a sign of life.
pub const HEART_BEAT: Duration = Duration::from_secs(1);
/// After this long without one the connection is given up: more than some stops, less than others.
const SILENCE_MAX: Duration = Duration::from_millis(3_500);

/// A frame as it came.
#[derive(Debug, Clone)]
pub struct Frame {
    /// `MESSAGE`, `RECEIPT`, …
    pub command: String,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Frame {
    /// Reads a frame; the gateway sends one per WebSocket message.
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.strip_suffix('\0')?.split_once("\n\n")?;
        let mut lines = head.lines();
        let command = lines.next()?.to_owned();
        let headers = lines
            .map(|line| line.split_once(':'))
            .map(|header| header.map(|(name, value)| (name.to_owned(), unescape(value))))
            .collect::<Option<_>>()?;
        Some(Self {
            command,
            headers,
            body: body.to_owned(),
        })
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }

    /// The code of an error MESSAGE.
    pub fn error_code(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        body.get("code")?.as_str().map(str::to_owned)
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => match rest.next() {
                Some('c') => plain.push(':'),
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some(other) => plain.push(other),
                None => {}
            },
            other => plain.push(other),
        }
    }
    plain
}

/// Why there is no session any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The connection is gone, or as good as gone.
    Connection,
    /// The gateway closed it and said why.
    Closed {
        /// The WebSocket close code.
        code: u16,
        /// The short text beside it.
        reason: String,
    },
    /// The gateway sent what is no frame, or an ERROR.
    Protocol(String),
}

/// A session.
pub struct Session {
    socket: WebSocketStream<TcpStream>,
    heard: Instant,
}

impl Session {
    /// Opens a WebSocket and a STOMP session.
    pub async fn connect(gateway: SocketAddr) -> Result<Self, Lost> {
        Self::connect_with(gateway, &[]).await
    }

    /// The same, with these headers in CONNECT as well.
    pub async fn connect_with(gateway: SocketAddr, more: &[(&str, &str)]) -> Result<Self, Lost> {
        let connect = async {
            let stream = TcpStream::connect(gateway)
                .await
                .map_err(|_| Lost::Connection)?;
            stream.set_nodelay(true).map_err(|_| Lost::Connection)?;
            let url = format!("ws://{gateway}/ws");
            let handshake = tokio_tungstenite::client_async(url, stream).await;
            let (socket, _) = handshake.map_err(|_| Lost::Connection)?;
            let mut session = Self {
                socket,
                heard: Instant::now(),
            };
            let wants = format!("0,{}", HEART_BEAT.as_millis());
            let headers = [("accept-version", "1.2"), ("heart-beat", wants.as_str())];
            session
                .send("CONNECT", &[&headers, more].concat(), "")
                .await?;
            match session.next().await? {
                frame if frame.command == "CONNECTED" => Ok(session),
                frame => Err(Lost::Protocol(format!("instead of CONNECTED: {frame:?}"))),
            }
        };
        timeout(CONNECT_MAX, connect)
            .await
            .unwrap_or(Err(Lost::Connection))
    }

    /// Sends a frame. Values must need no escaping.
    pub async fn send(
        &mut self,
        command: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<(), Lost> {
        let mut text = format!("{command}\n");
        for (name, value) in headers {
            writeln!(text, "{name}:{value}").expect("a String takes any text");
        }
        write!(text, "\n{body}\0").expect("a String takes any text");
        let send = self.socket.send(Message::text(text));
        match timeout(SEND_MAX, send).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Lost::Connection),
        }
    }

    /// The next frame. Cancel safe: nothing that came is lost.
    pub async fn next(&mut self) -> Result<Frame, Lost> {
        loop {
            let message = timeout_at(self.heard + SILENCE_MAX, self.socket.next()).await;
            let Ok(Some(Ok(message))) = message else {
                return Err(Lost::Connection);
            };
            self.heard = Instant::now();
            let text = match message {
                Message::Text(text) => text,
                Message::Close(None) => return Err(Lost::Connection),
                Message::Close(Some(close)) => {
                    return Err(Lost::Closed {
                        code: close.code.into(),
                        reason: close.reason.to_string(),
                    });
                }
                _ => continue,
            };
            // A heart-beat is a line end.
            if text.trim().is_empty() {
                continue;
            }
            return match Frame::parse(&text) {
                Some(frame) if frame.command == "ERROR" => {
                    Err(Lost::Protocol(format!("an ERROR: {frame:?}")))
                }
                Some(frame) => Ok(frame),
                None => Err(Lost::Protocol(format!("what is no frame: {text:?}"))),
            };
        }
    }

    /// Ends the session in order. Whoever does not simply drops it.
    pub async fn disconnect(mut self) {
        if self
            .send("DISCONNECT", &[("receipt", "bye")], "")
            .await
            .is_ok()
        {
            while let Ok(frame) = self.next().await {
                if frame.header("receipt-id") == Some("bye") {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_meant() {
        let text =
            "MESSAGE\nsubscription:a\\cb\\\\c\nsubscription:x\n\n{\"code\":\"NOT_JOINED\"}\0";
        let frame = Frame::parse(text).unwrap();
        assert_eq!(frame.command, "MESSAGE");
        assert_eq!(frame.header("subscription"), Some("a:b\\c"));
        assert_eq!(frame.error_code().as_deref(), Some("NOT_JOINED"));
        for bad in ["", "MESSAGE\n\n", "MESSAGE\nheader\n\n\0"] {
            assert!(Frame::parse(bad).is_none(), "{bad:?}");
        }
    }
}
