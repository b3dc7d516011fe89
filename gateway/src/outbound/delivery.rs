//! What goes out to clients, as octets that are ready for the wire.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use shared::envelope::Envelope;
use shared::id::{EventId, UserId};

/// An event as one MESSAGE, encoded and framed.
#[derive(Debug, Clone)]
pub struct EventMessage {
    /// Encoded and framed.
    pub octets: Bytes,
    /// Which event it is.
    pub event: EventId,
    /// Whose typing it tells of, if a later word on that may take its place. `None` for memberships, and for
    /// whatever a client asked for by `last-event-id`.
    pub typing_of: Option<UserId>,
}

impl EventMessage {
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

/// Most octets of a delivery of several events. A queue takes or refuses a delivery as a whole, and a write takes whole
/// ones, so they are small beside both.
const TOGETHER_OCTETS_MAX: usize = 16 << 10;

/// Events of one chat that came together and go out together, shared by every session they are the same for. To a
/// session they are one entry in its queue and one piece of what it writes, however many they are.
#[derive(Debug)]
pub struct Delivery {
    /// All messages, one behind the other.
    octets: Bytes,
    /// Each of them, as slices of the same octets. There is at least one.
    messages: Vec<EventMessage>,
    newest: EventId,
}

impl Delivery {
    /// Puts messages together, in the order of their events, to as few deliveries as their bound allows.
    pub fn together(messages: impl IntoIterator<Item = EventMessage>) -> Vec<Self> {
        let (mut deliveries, mut group, mut octets) = (Vec::new(), Vec::new(), 0);
        for message in messages {
            octets += message.octets.len();
            if octets > TOGETHER_OCTETS_MAX {
                octets = message.octets.len();
                deliveries.extend(Self::of_all(std::mem::take(&mut group)));
            }
            group.push(message);
        }
        deliveries.extend(Self::of_all(group));
        deliveries
    }

    fn of_all(mut messages: Vec<EventMessage>) -> Option<Self> {
        let newest = messages.last()?.event;
        let octets = match &mut messages[..] {
            [only] => only.octets.clone(),
            several => {
                let length = several.iter().map(|message| message.octets.len()).sum();
                let mut octets = BytesMut::with_capacity(length);
                for message in &*several {
                    octets.extend_from_slice(&message.octets);
                }
                let octets = octets.freeze();
                let mut start = 0;
                for message in several {
                    let end = start + message.octets.len();
                    message.octets = octets.slice(start..end);
                    start = end;
                }
                octets
            }
        };
        Some(Self {
            octets,
            messages,
            newest,
        })
    }

    /// A single message.
    pub fn of(message: EventMessage) -> Self {
        Self {
            octets: message.octets.clone(),
            newest: message.event,
            messages: vec![message],
        }
    }

    /// All messages, one behind the other.
    pub fn octets(&self) -> &Bytes {
        &self.octets
    }

    /// Each of them.
    pub fn messages(&self) -> &[EventMessage] {
        &self.messages
    }

    /// The last one's event.
    pub fn newest(&self) -> EventId {
        self.newest
    }
}

/// Something that the connection's task is about to write.
#[derive(Debug)]
pub enum Outgoing {
    /// Events.
    Events(Arc<Delivery>),
    /// A frame for this client alone, framed for its transport.
    Frame(Bytes),
}

impl Outgoing {
    /// What goes over the wire.
    pub fn octets(&self) -> &Bytes {
        match self {
            Self::Events(delivery) => delivery.octets(),
            Self::Frame(octets) => octets,
        }
    }

    /// The same message by message, for transports that have to tell them apart.
    pub fn messages(&self) -> impl Iterator<Item = &Bytes> {
        let (events, frame) = match self {
            Self::Events(delivery) => (delivery.messages(), None),
            Self::Frame(octets) => (&[][..], Some(octets)),
        };
        events.iter().map(|message| &message.octets).chain(frame)
    }
}
