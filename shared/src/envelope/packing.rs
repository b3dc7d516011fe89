//! Several events of one chat in one NATS message, as they come out of one transaction.
//!
//! ```text
//! events\n<envelope>\n<envelope>…
//! ```
//!
//! Under load a message costs NATS, persister and gateways more than what is in it. An event alone is its envelope and
//! nothing else. Who knows nothing of packs finds no envelope in one, and reads the events from the history.

use bytes::{BufMut, Bytes, BytesMut};

use super::{BadEnvelope, Envelope};

/// Most events in one message: with 200 octets each, far below what NATS takes.
pub const EVENTS_PER_MESSAGE_MAX: usize = 64;

/// What a pack begins with. No envelope does.
const MARK: &[u8] = b"events\n";

/// One payload for encoded envelopes of one chat, which must be at least one.
pub fn pack(envelopes: &[Bytes]) -> Bytes {
    if let [one] = envelopes {
        return one.clone();
    }
    let octets = MARK.len() + envelopes.iter().map(|one| one.len() + 1).sum::<usize>();
    let mut payload = BytesMut::with_capacity(octets);
    payload.put_slice(MARK);
    for (number, envelope) in envelopes.iter().enumerate() {
        if number > 0 {
            payload.put_u8(b'\n');
        }
        payload.put_slice(envelope);
    }
    payload.freeze()
}

/// The envelopes in a payload, in order, without copying their bodies. After one that cannot be read nothing follows.
pub fn unpack(payload: &Bytes) -> Unpacked {
    match payload.strip_prefix(MARK) {
        Some(_) => Unpacked {
            rest: Some(payload.slice(MARK.len()..)),
            is_pack: true,
        },
        None => Unpacked {
            rest: Some(payload.clone()),
            is_pack: false,
        },
    }
}

/// See [`unpack`].
#[derive(Debug)]
pub struct Unpacked {
    rest: Option<Bytes>,
    is_pack: bool,
}

impl Iterator for Unpacked {
    type Item = Result<Envelope, BadEnvelope>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut one = self.rest.take()?;
        let end = if self.is_pack { end(&one) } else { None };
        let rest = end.map(|end| one.split_off(end).slice(1..));
        let envelope = Envelope::decode(&one);
        self.rest = rest.filter(|_| envelope.is_ok());
        Some(envelope)
    }
}

/// Where the first of several envelopes ends: its line for the gateway is one, JSON as we write it another.
fn end(envelopes: &[u8]) -> Option<usize> {
    let mut line_ends = envelopes
        .iter()
        .enumerate()
        .filter(|(_, octet)| **octet == b'\n');
    line_ends.nth(1).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::envelope::tests::envelope;

    proptest! {
        #[test]
        fn what_is_packed_comes_out_again(places in vec((1..i64::MAX, 0..i64::MAX), 1..=EVENTS_PER_MESSAGE_MAX)) {
            let sent: Vec<_> = places.into_iter().map(|(id, previous)| envelope(id, previous, None)).collect();
            let encoded: Vec<_> = sent.iter().map(Envelope::encode).collect();
            let received: Result<Vec<_>, _> = unpack(&pack(&encoded)).collect();
            prop_assert_eq!(received, Ok(sent));
        }

        #[test]
        fn no_payload_panics(payload: Vec<u8>) {
            let packed = [MARK, &payload].concat();
            prop_assert!(unpack(&packed.into()).count() > 0);
            prop_assert_eq!(unpack(&payload.into()).count(), 1);
        }
    }

    #[test]
    fn one_alone_is_its_envelope_and_several_are_none() {
        let one = envelope(37, 36, None).encode();
        assert_eq!(pack(std::slice::from_ref(&one)), one);
        let several = pack(&[one.clone(), one]);
        assert_eq!(Envelope::decode(&several), Err(BadEnvelope));
    }

    #[test]
    fn what_comes_before_something_unreadable_counts() {
        let first = envelope(1, 0, None);
        let payload = [MARK, &first.encode(), b"\n2 1 DANCE\n{}\n3 2 JOIN\n{}"].concat();
        let received: Vec<_> = unpack(&payload.into()).collect();
        assert_eq!(received, [Ok(first), Err(BadEnvelope)]);
    }
}
