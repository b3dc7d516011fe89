//! What goes out to clients, as octets that are ready for the wire.

use std::sync::Arc;

use bytes::Bytes;
use shared::envelope::Envelope;
use shared::id::{EventId, UserId};

/// An event as one MESSAGE: encoded and framed once, shared by every session it is the same for.
#[derive(Debug)]
pub struct Delivery {
    /// Encoded and framed.
    pub octets: Bytes,
    /// Which event it is.
    pub event: EventId,
    /// Whose typing it tells of, if a later word on that may take its place. `None` for memberships, and for
    /// whatever a client asked for by `last-event-id`.
    pub typing_of: Option<UserId>,
}

impl Delivery {
    /// An event that happens now, by `author` if that can be read.
    pub fn live(octets: Bytes, event: &Envelope, author: Option<UserId>) -> Self {
        Self {
            octets,
            event: event.id,
            typing_of: author.filter(|_| event.kind.is_typing()),
        }
    }

    /// An event of the past that a client asked for.
    pub fn replayed(octets: Bytes, event: EventId) -> Self {
        Self {
            octets,
            event,
            typing_of: None,
        }
    }
}

/// Something that the connection's task is about to write.
#[derive(Debug)]
pub enum Outgoing {
    /// An event.
    Event(Arc<Delivery>),
    /// A frame for this client alone, framed for its transport.
    Frame(Bytes),
}

impl Outgoing {
    /// What goes over the wire.
    pub fn octets(&self) -> &Bytes {
        match self {
            Self::Event(delivery) => &delivery.octets,
            Self::Frame(octets) => octets,
        }
    }
}
