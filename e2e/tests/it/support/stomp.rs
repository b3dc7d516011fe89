//! A small STOMP 1.2 client over a raw WebSocket. It trusts nothing and hides nothing: every frame that comes is
//! held against `docs/asyncapi.yaml`, and kept until a test asks for it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::contract::CONTRACT;
use super::{WAIT_MAX, within};

/// Frames kept for later; a test that lets more pile up has lost its way.
const INBOX_MAX: usize = 10_000;

/// A frame as it came.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) command: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Frame {
    /// Reads a frame; the gateway sends one per WebSocket message.
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.strip_suffix('\0')?.split_once("\n\n")?;
        let mut lines = head.lines();
        let command = lines.next()?.to_owned();
        let headers = lines
            .map(|line| line.split_once(':'))
            .map(|header| header.map(|(name, value)| (unescape(name), unescape(value))))
            .collect::<Option<_>>()?;
        Some(Self {
            command,
            headers,
            body: body.to_owned(),
        })
    }

    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(found, value)| (found == name).then_some(value.as_str()))
    }

    /// All headers, as JSON.
    pub(crate) fn headers(&self) -> Value {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// The body, which is JSON in all MESSAGEs.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Whether it tells of an event in a chat.
    pub(crate) fn is_event(&self) -> bool {
        self.command == "MESSAGE"
            && self
                .header("destination")
                .is_some_and(|destination| destination.starts_with("/countries/"))
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\c", ":")
        .replace("\\n", "\n")
        .replace("\\r", "\r")
        .replace("\\\\", "\\")
}

/// What a sender was told about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is stored and published.
    Receipt,
    /// It could not be done: the error's code.
    Error(String),
}

impl Answer {
    /// An error by its code.
    pub(crate) fn error(code: &str) -> Self {
        Self::Error(code.to_owned())
    }
}

/// A connected session.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    inbox: VecDeque<Frame>,
    sent: u64,
}

impl Client {
    /// Opens a WebSocket and a STOMP session without heart-beats.
    pub(crate) async fn connect(gateway: SocketAddr) -> Self {
        Self::connect_with(gateway, &[]).await
    }

    /// The same as the holder of a token.
    pub(crate) async fn connect_as(gateway: SocketAddr, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        Self::connect_with(gateway, &[("Authorization", &bearer)]).await
    }

    async fn connect_with(gateway: SocketAddr, headers: &[(&str, &str)]) -> Self {
        let mut client = Self::open(gateway).await;
        let headers = [&[("accept-version", "1.2")], headers].concat();
        client.send_frame("CONNECT", &headers, "").await;
        client.take(|frame| frame.command == "CONNECTED").await;
        client
    }

    /// Opens a WebSocket.
    pub(crate) async fn open(gateway: SocketAddr) -> Self {
        let connect = async {
            let stream = TcpStream::connect(gateway).await.unwrap();
            let url = format!("ws://{gateway}/ws");
            tokio_tungstenite::client_async(url, stream).await.unwrap()
        };
        let (socket, _) = within("WebSocket handshake", connect).await;
        Self {
            socket,
            inbox: VecDeque::new(),
            sent: 0,
        }
    }

    /// Sends any frame. Values must need no escaping.
    pub(crate) async fn send_frame(&mut self, command: &str, headers: &[(&str, &str)], body: &str) {
        let mut text = format!("{command}\n");
        for (name, value) in headers {
            writeln!(text, "{name}:{value}").unwrap();
        }
        write!(text, "\n{body}\0").unwrap();
        let send = self.socket.send(Message::text(text));
        within("sending", send).await.unwrap();
    }

    /// The first frame, among those that came and those to come, that `wanted` accepts.
    pub(crate) async fn take(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        let taken = timeout(WAIT_MAX, self.take_whenever(wanted)).await;
        taken.unwrap_or_else(|_| panic!("none of these is the frame: {:#?}", self.inbox))
    }

    /// The same without a deadline, for a background task that may well have nothing to do.
    pub(crate) async fn take_whenever(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        if let Some(index) = self.inbox.iter().position(&wanted) {
            return self.inbox.remove(index).unwrap();
        }
        loop {
            let message = self.socket.next().await.expect("the connection is open");
            let Message::Text(text) = message.unwrap() else {
                continue;
            };
            if text.trim().is_empty() {
                continue;
            }
            let frame = Frame::parse(&text).unwrap_or_else(|| panic!("no frame: {text:?}"));
            CONTRACT.check(&frame.command, &frame.headers(), &frame.body);
            if wanted(&frame) {
                return frame;
            }
            assert!(self.inbox.len() < INBOX_MAX, "frames that nobody asks for");
            self.inbox.push_back(frame);
        }
    }

    /// Subscribes to a chat and waits until that is certain.
    pub(crate) async fn subscribe(&mut self, chat: i64) {
        assert_eq!(self.try_subscribe(chat).await, Answer::Receipt);
    }

    /// Subscribes to a chat, or hears why not.
    pub(crate) async fn try_subscribe(&mut self, chat: i64) -> Answer {
        let destination = format!("/countries/{chat}/events");
        let receipt = self.next_receipt();
        let headers = [
            ("id", destination.as_str()),
            ("destination", &destination),
            ("receipt", &receipt),
        ];
        self.send_frame("SUBSCRIBE", &headers, "").await;
        self.answer(&receipt).await
    }

    /// Subscribes to what came after an event, and does not wait. Returns the receipt that will tell that all
    /// of it has come.
    pub(crate) async fn resume(&mut self, chat: i64, after: i64) -> String {
        let destination = format!("/countries/{chat}/events");
        let (receipt, after) = (self.next_receipt(), after.to_string());
        let headers = [
            ("id", destination.as_str()),
            ("destination", &destination),
            ("last-event-id", &after),
            ("receipt", &receipt),
        ];
        self.send_frame("SUBSCRIBE", &headers, "").await;
        receipt
    }

    /// Sends a command and does not wait. Returns the receipt that will tell about it.
    pub(crate) async fn send(&mut self, verb: &str, author: i64, chat: i64) -> String {
        self.send_keyed(verb, author, chat, None).await
    }

    /// The same with an idempotency key.
    pub(crate) async fn send_keyed(
        &mut self,
        verb: &str,
        author: i64,
        chat: i64,
        key: Option<&str>,
    ) -> String {
        let destination = format!("/chat/events.{verb}");
        let receipt = self.next_receipt();
        let mut headers = vec![
            ("destination", destination.as_str()),
            ("receipt", receipt.as_str()),
        ];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let body = json!({ "authorId": author, "chatId": chat }).to_string();
        self.send_frame("SEND", &headers, &body).await;
        receipt
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn ask(&mut self, verb: &str, author: i64, chat: i64) -> Answer {
        let receipt = self.send(verb, author, chat).await;
        self.answer(&receipt).await
    }

    /// What became of the frame with this receipt.
    pub(crate) async fn answer(&mut self, receipt: &str) -> Answer {
        let told = self
            .take(|frame| !frame.is_event() && frame.header("receipt-id") == Some(receipt))
            .await;
        match told.command.as_str() {
            "RECEIPT" => Answer::Receipt,
            "MESSAGE" => Answer::error(told.json()["code"].as_str().unwrap()),
            _ => panic!("{told:?}"),
        }
    }

    /// The next event of any subscription.
    pub(crate) async fn event(&mut self) -> Frame {
        self.take(Frame::is_event).await
    }

    /// The next error that is about no frame of the client's.
    pub(crate) async fn news(&mut self) -> Frame {
        let about_nothing = |frame: &Frame| {
            frame.command == "MESSAGE" && !frame.is_event() && frame.header("receipt-id").is_none()
        };
        self.take(about_nothing).await
    }

    /// Whether an event came that nobody asked for yet.
    pub(crate) fn has_event(&self) -> bool {
        self.inbox.iter().any(Frame::is_event)
    }

    /// The bare connection, for tests of its end.
    pub(crate) fn into_socket(self) -> WebSocketStream<TcpStream> {
        self.socket
    }

    /// A receipt that this session has not used.
    pub(crate) fn next_receipt(&mut self) -> String {
        self.sent += 1;
        format!("r{}", self.sent)
    }
}
