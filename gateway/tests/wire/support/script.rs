//! STOMP as lines of text, and conversations as tables.
//!
//! A frame is written on one line, `COMMAND|header:value|header:value||body`. Frames of the server are shown the
//! same way without `content-type` and `content-length`, an error body as `CODE message`, and the end of the
//! connection as `close CODE reason`.

use std::net::SocketAddr;

use super::gateway;
use super::socket::{BINARY, CLOSE, PING, PONG, Socket, TEXT, WsFrame, ws_frame};

pub(crate) const VERSIONS: [&str; 3] = ["1.0", "1.1", "1.2"];

/// How a conversation ends that was ended by DISCONNECT.
pub(crate) const DONE: &str = "close 1000 disconnected";

/// How one ends that was ended by a breach of STOMP.
pub(crate) const VIOLATION: &str = "close 1002 STOMP protocol error";

/// The frame that a line stands for.
pub(crate) fn frame(line: &str) -> String {
    let (head, body) = line.split_once("||").unwrap_or((line, ""));
    format!("{}\n\n{body}\0", head.replace('|', "\n"))
}

/// A SEND to join a chat, with these headers more.
pub(crate) fn join(chat: i64, headers: &str) -> String {
    format!(r#"SEND|destination:/chat/events.joinChat{headers}||{{"authorId":1,"chatId":{chat}}}"#)
}

/// How an error is shown that nothing is subscribed for.
pub(crate) fn unsolicited(number: u32, headers: &str, error: &str) -> String {
    format!(
        "MESSAGE|subscription:/user/queue/errors|message-id:error-{number}|destination:/user/queue/errors{headers}||{error}"
    )
}

/// A STOMP client on a WebSocket.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    inbox: String,
}

impl Client {
    /// Before CONNECT.
    pub(crate) async fn new(server: SocketAddr) -> Self {
        Self::on(Socket::open(server).await)
    }

    /// On a WebSocket that is there already.
    pub(crate) fn on(socket: Socket) -> Self {
        Self {
            socket,
            inbox: String::new(),
        }
    }

    /// Connected in this version, without heart-beats.
    pub(crate) async fn connected(server: SocketAddr, version: &str) -> Self {
        let mut client = Self::new(server).await;
        client
            .send(&format!("CONNECT|accept-version:{version}|host:test"))
            .await;
        let connected = client.next().await;
        assert!(
            connected.starts_with(&format!("CONNECTED|version:{version}|")),
            "{connected}"
        );
        client
    }

    /// Sends the frame that a line stands for.
    pub(crate) async fn send(&mut self, line: &str) {
        self.text(&frame(line)).await;
    }

    /// Sends a text message.
    pub(crate) async fn text(&mut self, text: &str) {
        self.socket.send(&ws_frame(TEXT, text)).await;
    }

    /// Sends a binary message.
    pub(crate) async fn octets(&mut self, octets: &[u8]) {
        self.socket.send(&ws_frame(BINARY, octets)).await;
    }

    /// The next thing from the server: a frame, `beat`, `pong …`, or the end.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            if self.inbox.starts_with('\n') {
                self.inbox.remove(0);
                return "beat".to_owned();
            }
            if let Some(end) = self.inbox.find('\0') {
                let frame: String = self.inbox.drain(..=end).collect();
                return show(frame.trim_end_matches('\0'));
            }
            match self.socket.receive().await {
                None => return "end".to_owned(),
                Some(frame) => {
                    assert!(frame.fin && frame.reserved == 0, "{frame:?}");
                    if let Some(shown) = self.take(frame).await {
                        return shown;
                    }
                }
            }
        }
    }

    async fn take(&mut self, frame: WsFrame) -> Option<String> {
        match frame.opcode {
            TEXT => self.inbox += std::str::from_utf8(&frame.payload).unwrap(),
            PING => self.socket.send(&ws_frame(PONG, &frame.payload)).await,
            PONG => return Some(format!("pong {}", String::from_utf8_lossy(&frame.payload))),
            CLOSE => {
                let (code, reason) = frame.close_reason();
                // The closing handshake; a server in a hurry may be gone already.
                let _ = self
                    .socket
                    .try_write(&ws_frame(CLOSE, code.to_be_bytes()).encode())
                    .await;
                assert_eq!(
                    self.socket.receive().await,
                    None,
                    "nothing follows a Close frame"
                );
                return Some(format!("close {code} {reason}"));
            }
            _ => panic!("not for a STOMP client: {frame:?}"),
        }
        None
    }

    /// Everything until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut shown = Vec::new();
        loop {
            shown.push(self.next().await);
            let last = shown.last().unwrap();
            if last.starts_with("close ") || last == "end" {
                return shown;
            }
        }
    }

    /// Sends a frame and checks what comes next.
    #[track_caller]
    pub(crate) fn check<'a>(
        &'a mut self,
        line: &'a str,
        expected: &'a [&'a str],
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            if !line.is_empty() {
                self.send(line).await;
            }
            for expected in expected {
                assert_eq!(self.next().await, *expected, "after {line} at {caller}");
            }
        }
    }
}

/// A frame of the server as a line.
pub(crate) fn show(text: &str) -> String {
    let (head, body) = text.split_once("\n\n").unwrap();
    let dull = |line: &&str| !line.starts_with("content-");
    let head: Vec<&str> = head.split('\n').filter(dull).collect();
    let head = head.join("|");
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(error) if error["code"].is_string() => format!(
            "{head}||{} {}",
            error["code"].as_str().unwrap(),
            error["message"].as_str().unwrap()
        ),
        _ if body.is_empty() => head,
        _ => format!("{head}||{body}"),
    }
}

/// On a new session of this version, sends octets in one binary message with a DISCONNECT behind them, and
/// checks everything that comes until the end. The DISCONNECT must be answered, unless something before it ended
/// the session.
#[track_caller]
pub(crate) fn check_stream<'a>(
    version: &'a str,
    stream: impl AsRef<[u8]> + 'a,
    expected: &'a [&'a str],
) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let mut client = Client::connected(gateway().await, version).await;
        let stream = [stream.as_ref(), frame("DISCONNECT|receipt:end").as_bytes()].concat();
        client.octets(&stream).await;
        let shown = String::from_utf8_lossy(&stream).into_owned();
        let found = client.rest().await;
        let ended: &[&str] = &["RECEIPT|receipt-id:end", DONE];
        let expected = match expected.last() {
            Some(last) if last.starts_with("close ") => expected.to_vec(),
            _ => [expected, ended].concat(),
        };
        assert_eq!(found, expected, "{shown:?} in {version} at {caller}");
    }
}

/// The same for frames written as lines.
#[track_caller]
pub(crate) fn check_lines<'a>(
    version: &'a str,
    lines: &'a [&'a str],
    expected: &'a [&'a str],
) -> impl Future<Output = ()> + 'a {
    let stream: String = lines.iter().map(|line| frame(line)).collect();
    check_stream(version, stream, expected)
}
