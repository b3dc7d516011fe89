//! One batch on its way out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use shared::command::CommandOutcome;
use shared::envelope::{self, EVENTS_PER_MESSAGE_MAX, Envelope};
use shared::event::ChatEvent;
use shared::id::{ChatId, EventId};
use shared::trace;
use tracing::Span;

use crate::decide::{Decision, Mark};
use crate::delivery::Listener;

/// Most outcomes in one message. One is at most 128 octets of JSON, so this stays below 512 KiB, half of what
/// NATS takes.
const OUTCOMES_PER_MESSAGE_MAX: usize = 4_000;

/// An event, ready to be sent.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// Its chat.
    pub chat_id: ChatId,
    /// Its id.
    pub id: EventId,
    /// Its envelope.
    pub payload: Bytes,
}

impl Announcement {
    /// Of a stored event.
    pub fn new(event: &ChatEvent, previous_id: i64, traceparent: Option<String>) -> Self {
        Self {
            chat_id: event.chat_id,
            id: event.id,
            payload: Envelope::new(event, previous_id, traceparent).encode(),
        }
    }
}

/// Events of one chat in one message.
#[derive(Debug)]
pub(super) struct Pack {
    /// Whose.
    pub(super) chat_id: ChatId,
    /// All of them.
    pub(super) payload: Bytes,
}

/// What a batch has to tell.
#[derive(Debug, Default)]
pub struct Publication {
    /// The place in the command stream behind everything that it tells of, if it is all of that.
    pub behind: Option<Mark>,
    /// In order of id.
    pub events: Vec<Announcement>,
    /// By gateway.
    pub outcomes: Vec<(Arc<str>, CommandOutcome)>,
    /// Of the commands that are traced; they end when all is sent.
    pub spans: Vec<Span>,
}

impl Publication {
    /// Adds commands that are carried out, up to this place.
    pub fn add(&mut self, behind: Mark, decision: &Decision, listeners: &[Listener]) {
        self.behind = Some(behind);
        for new in &decision.events {
            let listener = &listeners[new.wish];
            // Our own span is the parent of what follows; without a tracer here, the sender's still is.
            let traceparent =
                trace::traceparent(&listener.span).or_else(|| listener.traceparent.clone());
            self.events
                .push(Announcement::new(&new.event, new.previous_id, traceparent));
        }
        for (listener, outcome) in listeners.iter().zip(&decision.outcomes) {
            if let (Some(id), Some(outcome)) = (listener.command_id, *outcome) {
                self.tell(listener, CommandOutcome { id, outcome });
            }
            if !listener.span.is_none() {
                self.spans.push(listener.span.clone());
            }
        }
    }

    /// Adds an outcome for the gateway that waits for it, if one does.
    pub fn tell(&mut self, listener: &Listener, outcome: CommandOutcome) {
        if let Some(gateway) = &listener.gateway {
            self.outcomes.push((Arc::clone(gateway), outcome));
        }
    }

    /// The events, those of one chat together. Each chat's stay in their order, and the newest of all is in the last
    /// pack.
    pub(super) fn packed_events(&self) -> Vec<Pack> {
        let mut by_chat: HashMap<ChatId, Vec<&Announcement>> = HashMap::new();
        for event in &self.events {
            by_chat.entry(event.chat_id).or_default().push(event);
        }
        let mut packs: Vec<(EventId, Pack)> = Vec::with_capacity(by_chat.len());
        for (chat_id, events) in by_chat {
            for events in events.chunks(EVENTS_PER_MESSAGE_MAX) {
                let payloads: Vec<Bytes> = events.iter().map(|it| it.payload.clone()).collect();
                let pack = Pack {
                    chat_id,
                    payload: envelope::pack(&payloads),
                };
                packs.push((events[events.len() - 1].id, pack));
            }
        }
        packs.sort_unstable_by_key(|(newest, _)| *newest);
        packs.into_iter().map(|(_, pack)| pack).collect()
    }

    /// Gateways and payloads, in the order of the commands of each gateway.
    pub(super) fn packed_outcomes(self) -> Vec<(Arc<str>, Bytes)> {
        let mut by_gateway: BTreeMap<Arc<str>, Vec<CommandOutcome>> = BTreeMap::new();
        for (gateway, outcome) in self.outcomes {
            by_gateway.entry(gateway).or_default().push(outcome);
        }
        let mut packed = Vec::with_capacity(by_gateway.len());
        for (gateway, outcomes) in by_gateway {
            for outcomes in outcomes.chunks(OUTCOMES_PER_MESSAGE_MAX) {
                let payload =
                    serde_json::to_vec(outcomes).expect("outcomes are plain data and serialise");
                packed.push((Arc::clone(&gateway), payload.into()));
            }
        }
        packed
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::Timestamp;
    use shared::command::{CommandId, Outcome};
    use shared::error_code::ErrorCode;
    use shared::event::EventType;

    use super::*;

    #[test]
    fn events_are_packed_by_chat_in_order() {
        let stored = |id: i64, chat: i64| ChatEvent {
            id: id.try_into().unwrap(),
            author_id: 1.try_into().unwrap(),
            chat_id: chat.try_into().unwrap(),
            event_type: EventType::Join,
            event_time: Timestamp::from_micros(0),
        };
        let crowded = i64::try_from(EVENTS_PER_MESSAGE_MAX).unwrap() + 3;
        // Chat 4 has the newest and the oldest of all; chat 5 three in between.
        let chat = |id: i64| if (2..5).contains(&id) { 5 } else { 4 };
        let publication = Publication {
            events: (1..=crowded + 3)
                .map(|id| Announcement::new(&stored(id, chat(id)), 0, None))
                .collect(),
            ..Publication::default()
        };
        let packs: Vec<(i64, Vec<i64>)> = publication
            .packed_events()
            .iter()
            .map(|pack| {
                let events = envelope::unpack(&pack.payload);
                let ids = events.map(|event| event.unwrap().id.get()).collect();
                (pack.chat_id.get(), ids)
            })
            .collect();
        let of_four: Vec<i64> = (1..=crowded + 3).filter(|id| chat(*id) == 4).collect();
        let (full, rest) = of_four.split_at(EVENTS_PER_MESSAGE_MAX);
        let expected = [(5, vec![2, 3, 4]), (4, full.to_vec()), (4, rest.to_vec())];
        assert_eq!(packs, expected);
    }

    #[test]
    fn outcomes_are_packed_by_gateway_below_half_a_mebibyte() {
        let longest = ErrorCode::ALL
            .iter()
            .max_by_key(|code| code.name().len())
            .unwrap();
        let mut publication = Publication::default();
        for place in 0..10_001 {
            let gateway = if place == 0 { "other" } else { "one" };
            let outcome = match place % 2 {
                0 => Outcome::Rejected(*longest),
                _ => Outcome::Stored(i64::MAX.try_into().unwrap()),
            };
            let outcome = CommandOutcome {
                id: CommandId::fresh(),
                outcome,
            };
            publication.outcomes.push((gateway.into(), outcome));
        }
        let packed = publication.packed_outcomes();
        let counts: Vec<_> = packed
            .iter()
            .map(|(gateway, payload)| {
                assert!(payload.len() < 512 << 10, "{}", payload.len());
                let outcomes: Vec<CommandOutcome> = serde_json::from_slice(payload).unwrap();
                (&**gateway, outcomes.len())
            })
            .collect();
        assert_eq!(
            counts,
            [("one", 4_000), ("one", 4_000), ("one", 2_000), ("other", 1)]
        );
    }
}
