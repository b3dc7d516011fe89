//! WebSocket frames (RFC 6455, section 5), the server's side of them, pure: octets in, messages out, and back.
//!
//! Our own and not tokio-tungstenite's, for what that library cannot know: here one message goes to thousands of
//! clients. Its frame is made once, shared, and written to each socket with whatever else waits, without a copy, a
//! second look for UTF-8 or a buffer per connection. Measured in one run, 1 chat with 1,000 subscribers: see
//! `docs/performance.md`, "Framing of our own".
//!
//! Not the opening handshake, which is HTTP ([`crate::handshake`]), and neither sockets nor the order in which the
//! closing handshake goes on ([`crate::transport::websocket`]). No extensions: reserved bits are a breach.

mod decode;
mod encode;

pub use self::decode::{Breach, Decoder, Incoming};
pub use self::encode::{close, pong, text};

/// What a frame is (section 5.2), as the low half of its first octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// Most octets that a control frame may carry (section 5.5).
const CONTROL_OCTETS_MAX: usize = 125;

impl Opcode {
    const ALL: [Self; 6] = [
        Self::Continuation,
        Self::Text,
        Self::Binary,
        Self::Close,
        Self::Ping,
        Self::Pong,
    ];

    fn parse(bits: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|opcode| *opcode as u8 == bits)
    }

    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Whether anybody may send this close code (section 7.4 and IANA's registry); the others stand for what happened
/// without a Close frame, or are nobody's.
const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
