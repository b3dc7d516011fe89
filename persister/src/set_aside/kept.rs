//! A command that was set aside, read back.

use async_nats::header::{HeaderMap, HeaderName, NATS_MESSAGE_ID};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use serde::Serialize;

use super::{CUT, ORIGINAL, REASON, SEQUENCE, STREAM, SUBJECT, TIME};

/// A command that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Its number among those set aside.
    pub seq: u64,
    /// Why it could not be carried out.
    pub reason: String,
    /// Where it was published.
    pub subject: String,
    /// The stream it was found in, its sequence there, and when that stream accepted it.
    pub stream: String,
    /// See `stream`.
    pub sequence: String,
    /// See `stream`.
    pub time: String,
    /// Whether some of it was too large to be kept.
    pub cut: bool,
    /// The name it was given.
    pub command_id: Option<String>,
    /// Its body, as far as it is text.
    pub body: String,
    #[serde(skip)]
    headers: HeaderMap,
    #[serde(skip)]
    payload: Bytes,
}

/// Why a message in the stream is no command that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("message {seq} lacks the header {name}")]
pub struct NotKept {
    seq: u64,
    name: &'static str,
}

impl Kept {
    /// Reads the message at `seq` of the stream.
    pub(super) fn read(seq: u64, found: &HeaderMap, payload: Bytes) -> Result<Self, NotKept> {
        let header = |name: &'static str| {
            let value = found.get(name).ok_or(NotKept { seq, name })?;
            Ok(value.as_str().to_owned())
        };
        let headers = originals(found);
        Ok(Self {
            seq,
            reason: header(REASON)?,
            subject: header(SUBJECT)?,
            stream: header(STREAM)?,
            sequence: header(SEQUENCE)?,
            time: header(TIME)?,
            cut: found.get(CUT).is_some(),
            command_id: headers
                .get(NATS_MESSAGE_ID)
                .map(|id| id.as_str().to_owned()),
            body: String::from_utf8_lossy(&payload).into_owned(),
            headers,
            payload,
        })
    }

    /// The command as it was published. Of what NATS itself would follow, only its name: the rest was about a
    /// moment that has passed.
    pub(super) fn original(&self) -> PublishMessage {
        let mut headers = HeaderMap::new();
        for (name, values) in self.headers.iter() {
            let followed = name.to_string().to_ascii_lowercase().starts_with("nats-");
            if followed && *name != NATS_MESSAGE_ID {
                continue;
            }
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
        PublishMessage::build()
            .headers(headers)
            .payload(self.payload.clone())
    }
}

/// The headers that were renamed, under the names they had.
fn originals(headers: &HeaderMap) -> HeaderMap {
    let mut originals = HeaderMap::new();
    for (name, values) in headers.iter() {
        let name: &str = name.as_ref();
        let original: Option<HeaderName> = name
            .strip_prefix(ORIGINAL)
            .and_then(|name| name.parse().ok());
        if let Some(original) = original {
            for value in values {
                originals.append(original.clone(), value.clone());
            }
        }
    }
    originals
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::message::OutboundMessage;
    use shared::clock::Timestamp;
    use shared::partition::Partition;

    use super::super::{HEADERS_OCTETS_MAX, PAYLOAD_OCTETS_MAX, Place, Reason, message};
    use super::*;
    use crate::delivery::Original;

    fn keep(headers: &[(&str, &str)], payload: &[u8]) -> Kept {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, *value);
        }
        let original = Original {
            subject: "cmd.0.4.JOIN".into(),
            headers: Some(map),
            payload: Bytes::copy_from_slice(payload),
        };
        let place = Place {
            partition: Partition::new(0),
            seq: 17,
            index: 0,
            time: Timestamp::from_micros(0),
        };
        let sent = message(place, &original, Reason::UnknownBody).outbound_message("aside.0");
        Kept::read(1, &sent.headers.unwrap(), sent.payload).unwrap()
    }

    fn headers(message: &OutboundMessage) -> Vec<(String, String)> {
        let headers = message.headers.as_ref().unwrap();
        let mut headers: Vec<_> = headers
            .iter()
            .map(|(name, values)| (name.to_string(), values[0].to_string()))
            .collect();
        headers.sort();
        headers
    }

    #[test]
    fn a_command_is_replayed_as_it_was_but_for_what_nats_would_follow() {
        let kept = keep(
            &[
                ("Nats-Msg-Id", "an id"),
                ("Nats-Expected-Last-Sequence", "7"),
                ("Gw", "gw1"),
            ],
            b"{",
        );
        assert_eq!((kept.reason.as_str(), kept.cut), ("unknown_body", false));
        assert_eq!(kept.sequence, "17");
        assert_eq!(kept.command_id.as_deref(), Some("an id"));
        let again = kept.original().outbound_message("x");
        let expected = [("Gw", "gw1"), ("Nats-Msg-Id", "an id")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers(&again), expected);
        assert_eq!(again.payload, "{");
    }

    #[test]
    fn what_is_too_large_is_cut_and_says_so() {
        let long = vec![b'x'; PAYLOAD_OCTETS_MAX + 1];
        let kept = keep(&[], &long);
        assert_eq!((kept.payload.len(), kept.cut), (PAYLOAD_OCTETS_MAX, true));
        let long = "x".repeat(HEADERS_OCTETS_MAX);
        assert!(keep(&[("Long", &long)], b"{}").cut);
    }
}
