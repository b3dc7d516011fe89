//! How a transport wraps a STOMP frame, to the last octet that goes over its wire.

use bytes::Bytes;

use crate::{sockjs, websocket};

/// The wrappings. Messages for sessions of the same framing share their octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A WebSocket frame around it.
    WebSocket,
    /// A WebSocket frame around a SockJS array frame around it: `a["…"]`.
    SockJsWebSocket,
    /// A SockJS array frame around it; the receiving request adds its own.
    SockJsHttp,
}

impl Framing {
    /// Wraps one STOMP frame, or a heart-beat.
    pub fn wrap(self, frame: &str) -> Bytes {
        match self {
            Self::WebSocket => websocket::text(frame),
            Self::SockJsWebSocket => websocket::text(&sockjs::frame::array(frame)),
            Self::SockJsHttp => sockjs::frame::array(frame).into(),
        }
    }
}
