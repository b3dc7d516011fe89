//! One chat with its local subscribers: encodes each event once per distinct label and framing, and hands the
//! same octets to all who share them.

use indexmap::IndexMap;
use shared::envelope::Envelope;
use shared::id::ChatId;

use super::{Subscriber, SubscriberId};
use crate::framing::Framing;
use crate::outbound::Outbound;
use crate::stomp::message::{Label, event_message};

/// The local subscribers of a chat.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Most clients name their subscriptions alike (`sub-0`), so there are few groups.
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    label: Label,
    framing: Framing,
    members: IndexMap<SubscriberId, std::sync::Arc<Outbound>>,
}

impl Room {
    /// Lets somebody in.
    pub(super) fn add(&mut self, subscriber: Subscriber) {
        let Subscriber {
            id,
            label,
            framing,
            session,
        } = subscriber;
        let known = self
            .groups
            .iter_mut()
            .find(|group| group.framing == framing && group.label == label);
        match known {
            Some(group) => {
                group.members.insert(id, session);
            }
            None => self.groups.push(Group {
                label,
                framing,
                members: IndexMap::from([(id, session)]),
            }),
        }
    }

    /// Shows somebody out; whether they were in.
    pub(super) fn remove(&mut self, id: SubscriberId) -> bool {
        let found = self
            .groups
            .iter_mut()
            .any(|group| group.members.swap_remove(&id).is_some());
        self.groups.retain(|group| !group.members.is_empty());
        found
    }

    /// Whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Hands an event to everybody; returns to how many.
    pub(super) fn deliver(&self, chat: ChatId, event: &Envelope) -> u64 {
        let Ok(body) = std::str::from_utf8(&event.body) else {
            tracing::error!(chat.id = %chat, event.id = %event.id, "an event that is not UTF-8 cannot be delivered");
            return 0;
        };
        let mut delivered = 0;
        for group in &self.groups {
            let message = group
                .framing
                .wrap(event_message(&group.label, chat, event.id, body));
            for session in group.members.values() {
                session.push_message(message.clone());
            }
            delivered += group.members.len() as u64;
        }
        delivered
    }
}
