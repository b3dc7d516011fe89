//! A stored event on its way from persister to gateways.
//!
//! ```text
//! <id> <previous id> <TYPE>[ <traceparent>]\n{"id":…}
//! ```
//!
//! One ASCII line for the gateway, then the JSON that clients get, which a gateway relays without parsing it:
//! [`Envelope::body`] is a slice of the NATS payload. There are no NATS headers, since each costs every
//! receiver a hash map. Several events of one chat may travel together ([`pack`]).

mod packing;

use bytes::{BufMut, Bytes, BytesMut};

pub use packing::{EVENTS_PER_MESSAGE_MAX, Unpacked, pack, unpack};

use crate::event::{ChatEvent, EventType};
use crate::id::EventId;

/// A stored event and its place in the chain of its chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The event's id.
    pub id: EventId,
    /// Id of the chat's previous event, 0 when this is the first: what lets a receiver see that it missed one.
    pub previous_id: i64,
    /// The event's type.
    pub kind: EventType,
    /// W3C trace context of the command, when its trace is sampled.
    pub traceparent: Option<String>,
    /// The event as JSON, as clients get it.
    pub body: Bytes,
}

/// Why a payload is no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an event envelope")]
pub struct BadEnvelope;

impl Envelope {
    /// The envelope of an event.
    pub fn new(event: &ChatEvent, previous_id: i64, traceparent: Option<String>) -> Self {
        let body = serde_json::to_vec(event).expect("an event is plain data and always serialises");
        Self {
            id: event.id,
            previous_id,
            kind: event.event_type,
            traceparent,
            body: body.into(),
        }
    }

    /// As a NATS payload.
    pub fn encode(&self) -> Bytes {
        let mut payload = BytesMut::with_capacity(self.body.len() + 128);
        let line = format!("{} {} {}", self.id, self.previous_id, self.kind);
        payload.put_slice(line.as_bytes());
        if let Some(traceparent) = &self.traceparent {
            payload.put_u8(b' ');
            payload.put_slice(traceparent.as_bytes());
        }
        payload.put_u8(b'\n');
        payload.put_slice(&self.body);
        payload.freeze()
    }

    /// From a NATS payload, without copying the body.
    pub fn decode(payload: &Bytes) -> Result<Self, BadEnvelope> {
        let end = payload
            .iter()
            .position(|octet| *octet == b'\n')
            .ok_or(BadEnvelope)?;
        let line = std::str::from_utf8(&payload[..end]).map_err(|_| BadEnvelope)?;
        let mut fields = line.split(' ');
        let mut next = || fields.next().ok_or(BadEnvelope);
        let id = next()?.parse().map_err(|_| BadEnvelope)?;
        let previous_id = next()?
            .parse()
            .ok()
            .filter(|id: &i64| *id >= 0)
            .ok_or(BadEnvelope)?;
        let kind = next()?.parse().map_err(|()| BadEnvelope)?;
        let traceparent = fields.next().map(str::to_owned);
        if fields.next().is_some() {
            return Err(BadEnvelope);
        }
        Ok(Self {
            id,
            previous_id,
            kind,
            traceparent,
            body: payload.slice(end + 1..),
        })
    }

    /// The same with octets of its own, for keeping: what was decoded holds on to everything that NATS sent in one
    /// piece with it.
    #[must_use]
    pub fn detached(self) -> Self {
        let body = Bytes::copy_from_slice(&self.body);
        Self { body, ..self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;

    pub(super) fn envelope(id: i64, previous_id: i64, traceparent: Option<String>) -> Envelope {
        let event = ChatEvent {
            id: id.try_into().unwrap(),
            author_id: 1.try_into().unwrap(),
            chat_id: 4.try_into().unwrap(),
            event_type: EventType::StopTyping,
            event_time: Timestamp::from_micros(0),
        };
        Envelope::new(&event, previous_id, traceparent)
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(id in 1..i64::MAX, previous in 0..i64::MAX, traced: bool) {
            let traceparent = traced.then(|| "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
            let sent = envelope(id, previous, traceparent);
            prop_assert_eq!(Envelope::decode(&sent.encode()), Ok(sent));
        }

        #[test]
        fn no_payload_panics(payload: Vec<u8>) {
            let _ = Envelope::decode(&Bytes::from(payload));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for payload in [
            "",
            "1 0 JOIN",
            "1 0\n{}",
            "0 0 JOIN\n{}",
            "1 -1 JOIN\n{}",
            "1 0 DANCE\n{}",
            "1 0 JOIN t x\n{}",
        ] {
            assert_eq!(
                Envelope::decode(&Bytes::from(payload)),
                Err(BadEnvelope),
                "{payload:?}"
            );
        }
    }
}
