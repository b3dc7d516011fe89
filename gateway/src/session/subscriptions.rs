//! The subscriptions of one session.
//!
//! Numbers are the session's own: unlike ids they are never given twice, and 1.0 allows subscriptions without
//! an id.

use std::collections::VecDeque;

use shared::id::{ChatId, EventId};

use crate::destination::Source;
use crate::stomp::Version;
use crate::stomp::message::{AckMode, Label};

/// Ended subscriptions that are remembered, so that an ACK that crosses an UNSUBSCRIBE is no violation.
const ENDED_MAX: usize = 100;

/// One of them.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The client's name for it; always there since 1.1.
    pub(super) id: Option<String>,
    /// As the client spelt it.
    pub(super) destination: String,
    /// What the destination means.
    pub(super) source: Source,
    /// Of its messages.
    pub(super) label: Label,
    /// The newest event sent to it. Events of a chat come in order of their ids, so one number tells of any id
    /// whether it may have been sent, however many were and however late they are acknowledged.
    last_event: Option<EventId>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    last_number: u32,
    /// By number, and so by age. Most sessions have one or two, so the room for them grows one by one.
    live: Vec<(u32, Subscription)>,
    ended: VecDeque<(u32, Subscription)>,
}

/// How an acknowledgement names the subscription.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'a> {
    /// Not at all: 1.0.
    Any,
    /// By the client's own id: 1.1.
    Id(&'a str),
    /// By our number: 1.2.
    Number(u32),
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// Adds one and says its number. The caller has checked that the id is free.
    pub(super) fn add(
        &mut self,
        version: Version,
        id: Option<&str>,
        destination: &str,
        source: Source,
        mode: AckMode,
    ) -> u32 {
        self.last_number += 1;
        let number = self.last_number;
        let subscription = Subscription {
            id: id.map(str::to_owned),
            destination: destination.to_owned(),
            source,
            label: Label::new(version, id, number, mode),
            last_event: None,
        };
        self.live.reserve_exact(1);
        self.live.push((number, subscription));
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&Subscription> {
        let place = self.place(number)?;
        Some(&self.live[place].1)
    }

    /// Forgets one as if it had never been.
    pub(super) fn remove(&mut self, number: u32) -> Option<Subscription> {
        let place = self.place(number)?;
        Some(self.live.remove(place).1)
    }

    fn place(&self, number: u32) -> Option<usize> {
        let place = self.live.binary_search_by_key(&number, |(known, _)| *known);
        place.ok()
    }

    /// Ends one that the client no longer wants; says what it was of.
    pub(super) fn end(&mut self, number: u32) -> Option<Source> {
        let subscription = self.remove(number)?;
        let source = subscription.source;
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back((number, subscription));
        Some(source)
    }

    /// Takes note of an event that goes out to a subscription, be it one that has just ended.
    pub(super) fn sent(&mut self, number: u32, event: EventId) {
        let one = match self.place(number) {
            Some(place) => Some(&mut self.live[place]),
            None => self.ended.iter_mut().find(|(known, _)| *known == number),
        };
        if let Some((_, one)) = one {
            one.last_event = one.last_event.max(Some(event));
        }
    }

    /// The one with this id.
    pub(super) fn with_id(&self, id: &str) -> Option<u32> {
        let (number, _) = self
            .live
            .iter()
            .find(|(_, one)| one.id.as_deref() == Some(id))?;
        Some(*number)
    }

    /// All of this destination.
    pub(super) fn with_destination(&self, destination: &str) -> Vec<u32> {
        let there = self
            .live
            .iter()
            .filter(|(_, one)| one.destination == destination);
        there.map(|(number, _)| *number).collect()
    }

    /// The oldest one to notices about the session.
    pub(super) fn for_notices(&self) -> Option<&Subscription> {
        let mut live = self.live.iter().map(|(_, one)| one);
        live.find(|one| one.source == Source::SessionNotices)
    }

    /// All to chats, by number.
    pub(super) fn of_chats(&self) -> impl Iterator<Item = (u32, ChatId)> + '_ {
        let live = self.live.iter();
        live.filter_map(|(number, one)| Some((*number, one.source.chat()?)))
    }

    /// The oldest one that takes errors.
    pub(super) fn for_errors(&self) -> Option<&Subscription> {
        let mut live = self.live.iter().map(|(_, one)| one);
        live.find(|one| one.source.takes_errors())
    }

    /// Whether a subscription that is called so was ever sent this event.
    pub(super) fn were_sent(&self, named: Named<'_>, event: EventId) -> bool {
        self.known(named)
            .any(|one| one.last_event.is_some_and(|last| event <= last))
    }

    /// Whether there is such a subscription, or was one lately.
    pub(super) fn knew(&self, named: Named<'_>) -> bool {
        matches!(named, Named::Any) || self.known(named).next().is_some()
    }

    fn known<'a>(&'a self, named: Named<'a>) -> impl Iterator<Item = &'a Subscription> {
        let live = self.live.iter().map(|(number, one)| (*number, one));
        let ended = self.ended.iter().map(|(number, one)| (*number, one));
        live.chain(ended)
            .filter(move |(number, one)| match named {
                Named::Any => true,
                Named::Id(id) => one.id.as_deref() == Some(id),
                Named::Number(named) => *number == named,
            })
            .map(|(_, one)| one)
    }
}
