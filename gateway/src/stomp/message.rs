//! MESSAGE frames that carry a chat's events.
//!
//! An event goes to many subscriptions. What tells their frames apart is the [`Label`]; sessions with equal
//! labels get the same octets, encoded once.

use std::sync::Arc;

use shared::id::{ChatId, EventId};

use super::encode::Encoder;
use super::escape::escape;
use super::version::Version;
use crate::destination;

/// How a subscription wants its messages acknowledged (`ack` of SUBSCRIBE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AckMode {
    /// Not at all.
    #[default]
    Auto,
    /// Up to and including a message.
    Client,
    /// One by one. Since 1.1.
    ClientIndividual,
}

impl AckMode {
    /// From the header's value; `None` if this version has no such mode.
    pub fn parse(value: Option<&str>, version: Version) -> Option<Self> {
        match value {
            None | Some("auto") => Some(Self::Auto),
            Some("client") => Some(Self::Client),
            Some("client-individual") if version > Version::V1_0 => Some(Self::ClientIndividual),
            Some(_) => None,
        }
    }
}

/// What distinguishes the MESSAGEs of one event for different subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    /// The subscription's id, escaped for the session's version. 1.0 allows a subscription without one, whose
    /// messages then have no `subscription` header.
    subscription: Option<Arc<str>>,
    /// The subscription's number when its messages need an `ack` header: 1.2, and acknowledged by the client.
    ack: Option<u32>,
}

impl Label {
    /// Of the subscription that the client calls `id` and the session calls `number`.
    pub fn new(version: Version, id: Option<&str>, number: u32, mode: AckMode) -> Self {
        let acknowledged = version == Version::V1_2 && mode != AckMode::Auto;
        Self {
            subscription: id.map(|id| escape(id, Some(version)).into()),
            ack: acknowledged.then_some(number),
        }
    }

    /// The headers `subscription` and `message-id`.
    pub fn start(&self, version: Option<Version>, message_id: &str) -> Encoder {
        let frame = Encoder::new("MESSAGE", version);
        match &self.subscription {
            Some(id) => frame.plain("subscription", id),
            None => frame,
        }
        .plain("message-id", message_id)
    }

    /// The header `ack`, where it is wanted. It names message and subscription, so that no session has to
    /// remember each message that it sent.
    pub fn ack(&self, frame: Encoder, message_id: &str) -> Encoder {
        match self.ack {
            Some(number) => frame.plain("ack", format_args!("{message_id}-{number}")),
            None => frame,
        }
    }
}

/// An event for the subscriptions with this label. The same in every version: all of it but the label is made of
/// numbers and of names without anything to escape.
pub fn event_message(label: &Label, chat: ChatId, event: EventId, body: &str) -> String {
    let id = event.to_string();
    let frame = label
        .start(None, &id)
        .plain("destination", destination::ChatEvents(chat));
    label.ack(frame, &id).body("application/json", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        version: Version,
        id: Option<&str>,
        mode: AckMode,
        expected_headers: &str,
        expected_ack: &str,
    ) {
        let label = Label::new(version, id, 3, mode);
        let (chat, event) = (ChatId::try_from(4).unwrap(), EventId::try_from(37).unwrap());
        assert_eq!(
            event_message(&label, chat, event, "{\"é\":0}"),
            format!(
                "MESSAGE\n{expected_headers}message-id:37\ndestination:/countries/4/events\n{expected_ack}\
                 content-type:application/json\ncontent-length:8\n\n{{\"é\":0}}\0"
            )
        );
    }

    #[test]
    fn headers_are_those_of_the_version_and_the_mode() {
        use AckMode::{Auto, Client, ClientIndividual};
        check(Version::V1_0, None, Auto, "", "");
        check(Version::V1_0, Some("a:b"), Client, "subscription:a:b\n", "");
        check(
            Version::V1_1,
            Some("a:b"),
            Client,
            "subscription:a\\cb\n",
            "",
        );
        check(Version::V1_2, Some("a:b"), Auto, "subscription:a\\cb\n", "");
        check(
            Version::V1_2,
            Some("s"),
            Client,
            "subscription:s\n",
            "ack:37-3\n",
        );
        check(
            Version::V1_2,
            Some("s"),
            ClientIndividual,
            "subscription:s\n",
            "ack:37-3\n",
        );
    }

    #[test]
    fn equal_labels_share_and_different_ones_do_not() {
        let label = |id, number, mode| Label::new(Version::V1_2, Some(id), number, mode);
        assert_eq!(label("a", 1, AckMode::Auto), label("a", 2, AckMode::Auto));
        assert_ne!(label("a", 1, AckMode::Auto), label("b", 1, AckMode::Auto));
        assert_ne!(
            label("a", 1, AckMode::Client),
            label("a", 2, AckMode::Client)
        );
    }
}
