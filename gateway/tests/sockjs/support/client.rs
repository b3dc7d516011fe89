//! A SockJS client over one of the HTTP transports, whose requests may go to different gateways.

use std::net::SocketAddr;

use super::http::{Connection, Request, ask, begin, get, post};
use super::{fresh_session, stomp};

/// A pair of transports, one to receive and one to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Xhr,
    XhrStreaming,
    EventSource,
    HtmlFile,
    Jsonp,
}

impl Transport {
    pub(crate) const ALL: [Self; 5] = [
        Self::Xhr,
        Self::XhrStreaming,
        Self::EventSource,
        Self::HtmlFile,
        Self::Jsonp,
    ];

    const fn path(self) -> &'static str {
        match self {
            Self::Xhr => "xhr",
            Self::XhrStreaming => "xhr_streaming",
            Self::EventSource => "eventsource",
            Self::HtmlFile => "htmlfile?c=x",
            Self::Jsonp => "jsonp?c=x",
        }
    }

    const fn polls(self) -> bool {
        matches!(self, Self::Xhr | Self::Jsonp)
    }

    /// The frame in a piece of a response.
    fn undress(self, piece: &str) -> String {
        let (before, after) = match self {
            Self::Xhr | Self::XhrStreaming => ("", "\n"),
            Self::EventSource => ("data: ", "\r\n\r\n"),
            Self::HtmlFile => ("<script>\np(", ");\n</script>\r\n"),
            Self::Jsonp => ("/**/x(", ");\r\n"),
        };
        let inside = piece
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        let inside = inside.unwrap_or_else(|| panic!("{self:?}: {piece:?}"));
        match self {
            Self::HtmlFile | Self::Jsonp => serde_json::from_str(inside).unwrap(),
            _ => inside.to_owned(),
        }
    }
}

/// The client.
pub(crate) struct Client {
    pub(crate) transport: Transport,
    pub(crate) session: String,
    /// Where receiving requests go.
    pub(crate) receives_at: SocketAddr,
    /// Where sending requests go.
    pub(crate) sends_to: SocketAddr,
    /// The streaming response under way.
    stream: Option<Connection>,
}

impl Client {
    pub(crate) fn new(transport: Transport, receives_at: SocketAddr, sends_to: SocketAddr) -> Self {
        Self {
            transport,
            session: fresh_session(),
            receives_at,
            sends_to,
            stream: None,
        }
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> String {
        loop {
            if let Some(stream) = &mut self.stream {
                match stream.chunk().await {
                    Some(piece) => return self.transport.undress(&piece),
                    None => self.stream = None,
                }
            }
            if self.transport.polls() {
                let path = self.path();
                let answer = ask(self.receives_at, self.receiving(&path)).await;
                assert_eq!(answer.status(), 200, "{}", answer.body);
                return self.transport.undress(&answer.body);
            }
            self.open_stream().await;
        }
    }

    /// Begins a streaming response, up to its prelude.
    pub(crate) async fn open_stream(&mut self) {
        let path = self.path();
        let mut stream = begin(self.receives_at, self.receiving(&path)).await;
        assert_eq!(stream.head().await.status, 200);
        stream.chunk().await.unwrap();
        self.stream = Some(stream);
    }

    /// Leaves in the middle of a streaming response.
    pub(crate) fn break_off(&mut self) {
        self.stream = None;
    }

    /// Whether the streaming response is complete.
    pub(crate) async fn is_over(&mut self) -> bool {
        let Some(mut stream) = self.stream.take() else {
            return true;
        };
        let over = stream.chunk().await.is_none();
        if !over {
            self.stream = Some(stream);
        }
        over
    }

    /// Sends a payload; the status of the answer.
    pub(crate) async fn try_send(&self, payload: &str) -> u16 {
        let kind = if self.transport == Transport::Jsonp {
            "jsonp_send"
        } else {
            "xhr_send"
        };
        ask(
            self.sends_to,
            post(&format!("{}/{kind}", self.session), payload),
        )
        .await
        .status()
    }

    pub(crate) async fn send(&self, payload: &str) {
        let expected = if self.transport == Transport::Jsonp {
            200
        } else {
            204
        };
        assert_eq!(
            self.try_send(payload).await,
            expected,
            "{:?}",
            self.transport
        );
    }

    /// Opens the session and logs in.
    pub(crate) async fn connect(&mut self) {
        assert_eq!(self.frame().await, "o", "{:?}", self.transport);
        self.send(&stomp::connect()).await;
        stomp::assert_message(&self.frame().await, "CONNECTED\n");
    }

    fn path(&self) -> String {
        format!("{}/{}", self.session, self.transport.path())
    }

    fn receiving<'a>(&self, path: &'a str) -> Request<'a> {
        match self.transport {
            Transport::Xhr | Transport::XhrStreaming => post(path, ""),
            _ => get(path),
        }
    }
}
