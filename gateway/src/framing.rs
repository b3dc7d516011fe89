//! How a transport wraps a STOMP frame into a WebSocket message.

use bytes::Bytes;

use crate::sockjs;

/// The two wrappings. Messages for sessions of the same framing share their octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// The frame as it is.
    Plain,
    /// A SockJS array frame around it: `a["…"]`.
    SockJs,
}

impl Framing {
    /// Wraps one STOMP frame, or a heart-beat.
    pub fn wrap(self, frame: String) -> Bytes {
        match self {
            Self::Plain => frame.into(),
            Self::SockJs => sockjs::frame::array(&frame).into(),
        }
    }
}
