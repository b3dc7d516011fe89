//! The local subscribers of one chat, and its most recent events.
//!
//! Each event is encoded once per distinct label and framing; all who share both share the octets. Events that come
//! together go to each session together: of the cost of a queue, a wake-up and a write, each bears only a part.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use indexmap::IndexMap;
use shared::envelope::Envelope;
use shared::id::{ChatId, UserId};
use shared::metric;

use super::SubscriberId;
use super::joining::{Joining, Start, Subscriber};
use super::meters::Meters;
use crate::framing::Framing;
use crate::outbound::{Delivery, EventMessage, Outbound};
use crate::stomp::message::{Label, event_message};

/// Most recent events kept for those who come back after a short absence: what is in here needs no history.
pub(super) const RECENT_MAX: usize = 64;

/// A room of so many is served by one thread alone. Of a larger one, the thread that has the event serves its share, and
/// leaves it to those of the others to write themselves, on whatever thread is idle: otherwise all in a very large room
/// would wait for one core.
const ALONE_MAX: usize = 256;

/// The room of a chat.
#[derive(Debug)]
pub(super) struct Room {
    /// Among how many threads the work is shared.
    threads: usize,
    /// Most clients name their subscriptions alike (`sub-0`), so there are few groups.
    groups: Vec<Group>,
    recent: VecDeque<Envelope>,
}

#[derive(Debug)]
struct Group {
    label: Label,
    framing: Framing,
    members: IndexMap<SubscriberId, Arc<Outbound>>,
}

impl Room {
    /// An empty one, in a process of so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            threads,
            groups: Vec::new(),
            recent: VecDeque::new(),
        }
    }

    /// Whether nobody is in.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Lets somebody in, with the recent events they have not seen; tells them, or hands them back. `last` is the
    /// chat's last event so far. Whether they are in now.
    pub(super) fn admit(&mut self, chat: ChatId, last: i64, joining: Joining) -> bool {
        let Joining {
            subscriber, start, ..
        } = joining;
        // Whoever left meanwhile will not leave again, and must not stay in for ever.
        if subscriber.session.is_closed() {
            return false;
        }
        match start {
            Start::Now => subscriber.answer(Ok(())),
            Start::Without(refusal) => subscriber.answer(Err(refusal)),
            Start::After { event, behind } => {
                let Some(missed) = self.since(event, last) else {
                    // Nobody there to take it back: the session is gone.
                    let _ = behind.send(subscriber);
                    return false;
                };
                let messages = missed.filter_map(|event| {
                    let octets = encode(&subscriber.label, subscriber.framing, chat, event)?;
                    Some(EventMessage::replayed(octets, event.id))
                });
                for delivery in Delivery::together(messages) {
                    let number = subscriber.id.subscription;
                    subscriber.session.push_events(Arc::new(delivery), number);
                }
                subscriber.answer(Ok(()));
            }
        }
        metrics::gauge!(metric::SUBSCRIPTIONS).increment(1);
        self.add(subscriber);
        true
    }

    fn add(&mut self, subscriber: Subscriber) {
        let Subscriber {
            id,
            label,
            framing,
            session,
            ..
        } = subscriber;
        let known = self
            .groups
            .iter_mut()
            .find(|group| group.framing == framing && group.label == label);
        match known {
            Some(group) => {
                group.members.insert(id, session);
            }
            None => {
                let members = IndexMap::from([(id, session)]);
                self.groups.push(Group {
                    label,
                    framing,
                    members,
                });
            }
        }
    }

    /// Shows somebody out, if they were in; returns where to tell them.
    pub(super) fn remove(&mut self, id: SubscriberId) -> Option<Arc<Outbound>> {
        let mut groups = self.groups.iter_mut();
        let removed = groups.find_map(|group| group.members.swap_remove(&id));
        if removed.is_some() {
            metrics::gauge!(metric::SUBSCRIPTIONS).decrement(1);
            self.groups.retain(|group| !group.members.is_empty());
        }
        removed
    }

    /// Hands the chat's next events to everybody; returns how many deliveries that makes. The authors as far as they
    /// can be read.
    pub(super) fn deliver(
        &mut self,
        chat: ChatId,
        events: Vec<(Envelope, Option<UserId>)>,
        meters: &Meters,
    ) -> usize {
        let (mut delivered, mut subscribers) = (0, 0);
        let now = Instant::now();
        for group in &self.groups {
            subscribers += group.members.len();
            let messages = events.iter().filter_map(|(event, author)| {
                let octets = encode(&group.label, group.framing, chat, event)?;
                Some(EventMessage::live(octets, event, *author))
            });
            for delivery in Delivery::together(messages) {
                delivered += group.members.len() * delivery.messages().len();
                let delivery = Arc::new(delivery);
                let left = left_to_others(group.members.len(), self.threads);
                for (place, (id, session)) in group.members.iter().enumerate() {
                    if place < left {
                        session.push_events(Arc::clone(&delivery), id.subscription);
                    } else {
                        session.send_events(&delivery, id.subscription, now);
                    }
                }
            }
        }
        for (event, _) in events {
            meters.delivered(event.id, subscribers);
            if self.recent.len() == RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(event.detached());
        }
        delivered
    }

    /// Puts events of the history before the recent ones, as far as there is room and no gap between them. A room that
    /// has just been opened knows none: without this, each of the thousands who come back to it would have to read the
    /// history by themselves. `last` is the chat's last event so far.
    pub(super) fn remember(&mut self, history: Vec<Envelope>, last: i64) {
        let end = self.recent.front().map_or(last, |first| first.previous_id);
        let known = history.partition_point(|event| event.id.get() <= end);
        if known == 0 || history[known - 1].id.get() != end {
            return;
        }
        let room = RECENT_MAX - self.recent.len();
        for event in history.into_iter().take(known).rev().take(room) {
            self.recent.push_front(event);
        }
    }

    /// The events after this one up to the last, or `None` when some of them are no longer here.
    fn since(&self, event: i64, last: i64) -> Option<impl Iterator<Item = &Envelope>> {
        let first = self
            .recent
            .partition_point(|recent| recent.id.get() <= event);
        let complete = match self.recent.get(first) {
            Some(next) => next.previous_id <= event,
            None => event >= last,
        };
        complete.then(|| self.recent.range(first..))
    }
}

/// How many of a room the thread that has the event does not serve itself.
fn left_to_others(members: usize, threads: usize) -> usize {
    if members <= ALONE_MAX {
        0
    } else {
        members - members.div_ceil(threads)
    }
}

fn encode(label: &Label, framing: Framing, chat: ChatId, event: &Envelope) -> Option<Bytes> {
    let Ok(body) = std::str::from_utf8(&event.body) else {
        tracing::error!(chat.id = %chat, event.id = %event.id, "an event that is not UTF-8 cannot be delivered");
        return None;
    };
    Some(framing.wrap(&event_message(label, chat, event.id, body)))
}

#[cfg(test)]
mod tests {
    use shared::event::EventType;

    use super::*;

    /// Events with these ids, each after the one before it.
    fn events(ids: std::ops::RangeInclusive<i64>) -> Vec<Envelope> {
        let event = |id: i64| Envelope {
            id: id.try_into().unwrap(),
            previous_id: id - 1,
            kind: EventType::Join,
            traceparent: None,
            body: Bytes::new(),
        };
        ids.map(event).collect()
    }

    #[track_caller]
    fn check(room: &Room, since: i64, last: i64, expected: Option<std::ops::RangeInclusive<i64>>) {
        let found = room.since(since, last);
        let found: Option<Vec<i64>> =
            found.map(|found| found.map(|event| event.id.get()).collect());
        assert_eq!(found, expected.map(Iterator::collect));
    }

    #[test]
    fn a_room_just_opened_learns_what_those_who_come_back_missed() {
        let mut room = Room::new(1);
        check(&room, 5, 9, None);
        room.remember(events(3..=9), 9);
        check(&room, 5, 9, Some(6..=9));
        check(&room, 1, 9, None);
    }

    #[test]
    fn history_joins_the_recent_events_without_a_gap_and_none_twice() {
        let mut room = Room {
            recent: events(8..=9).into(),
            ..Room::new(1)
        };
        room.remember(events(3..=6), 9);
        check(&room, 6, 9, None);
        room.remember(events(3..=9), 9);
        room.remember(events(3..=9), 9);
        check(&room, 2, 9, Some(3..=9));
    }

    #[test]
    fn what_has_not_been_delivered_is_not_remembered() {
        let mut room = Room::new(1);
        room.remember(events(3..=12), 9);
        check(&room, 2, 9, Some(3..=9));
    }

    #[test]
    fn large_rooms_are_shared_by_all_threads_and_small_ones_are_not() {
        assert_eq!(left_to_others(10_000, 1), 0);
        assert_eq!(left_to_others(10_000, 4), 7_500);
        assert_eq!(left_to_others(257, 8), 224);
        assert_eq!(left_to_others(256, 8), 0);
        assert_eq!(left_to_others(0, 8), 0);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut room = Room::new(1);
        room.remember(events(1..=200), 200);
        assert_eq!(room.recent.len(), RECENT_MAX);
        check(&room, 199, 200, Some(200..=200));
    }
}
