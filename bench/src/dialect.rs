//! What clients of the different servers say until they are subscribed, and how they answer afterwards.
//!
//! From then on all servers look alike: messages with events in them ([`crate::delivered`]).

mod centrifugo;
mod nats;
mod stomp;

pub(crate) use self::stomp::receipt;

/// The protocol inside the WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// STOMP 1.2, as our gateway, RabbitMQ and Spring speak it.
    Stomp(StompDialect),
    /// NATS's own protocol: nats-server's WebSocket listener.
    Nats,
    /// Centrifugo's JSON protocol.
    Centrifugo,
}

/// What tells one STOMP server from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StompDialect {
    /// Path of the WebSocket.
    pub path: &'static str,
    /// What stands before a chat's number in its destination.
    pub prefix: &'static str,
    /// And behind it.
    pub suffix: &'static str,
    /// `heart-beat` header of CONNECT.
    pub heart_beat: &'static str,
    /// Further headers of CONNECT, one a line.
    pub credentials: &'static str,
    /// Whether a SUBSCRIBE gets a RECEIPT. Without, a client counts as subscribed when it has said so.
    pub has_receipts: bool,
}

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// The events of this chat; none: only a session.
    pub chat: Option<u64>,
    /// Everything after this event first.
    pub after: Option<u64>,
}

/// What follows from a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Wait,
    /// Say this.
    Say(String),
    /// Say this, and be subscribed.
    SayAndReady(String),
    /// Be subscribed.
    Ready,
    /// Give up.
    Fail,
}

impl Dialect {
    /// Path of the WebSocket.
    pub fn path(&self) -> &'static str {
        match self {
            Self::Stomp(stomp) => stomp.path,
            Self::Nats => "/",
            Self::Centrifugo => "/connection/websocket",
        }
    }

    /// The sub-protocol to offer.
    pub fn protocol(&self) -> Option<&'static str> {
        matches!(self, Self::Stomp(_)).then_some("v12.stomp")
    }

    /// Whether messages are text; else they are binary.
    pub fn is_text(&self) -> bool {
        !matches!(self, Self::Nats)
    }

    /// Whether a client knows from which moment on it gets events.
    pub fn confirms(&self) -> bool {
        !matches!(self, Self::Stomp(stomp) if !stomp.has_receipts)
    }

    /// What a client says first.
    pub fn opening(&self) -> Option<String> {
        match self {
            Self::Stomp(stomp) => Some(stomp.connect()),
            Self::Nats => None,
            Self::Centrifugo => Some(centrifugo::CONNECT.to_owned()),
        }
    }

    /// What a client does about a message while it is not subscribed yet.
    pub fn establish(&self, message: &[u8], wish: Wish) -> Step {
        match self {
            Self::Stomp(stomp) => stomp.establish(message, wish),
            Self::Nats => nats::establish(message, wish),
            Self::Centrifugo => centrifugo::establish(message, wish),
        }
    }

    /// What a subscribed client does about a message that is no event: nothing, or answer a ping.
    pub fn keep_up(&self, message: &[u8]) -> Step {
        match self {
            Self::Stomp(_) => stomp::keep_up(message),
            Self::Nats => nats::keep_up(message),
            Self::Centrifugo => centrifugo::keep_up(message),
        }
    }
}
