//! The subscriptions of one session.
//!
//! Numbers are the session's own: unlike ids they are never given twice, and 1.0 allows subscriptions without
//! an id.

use std::collections::{BTreeMap, VecDeque};

use crate::destination::Source;
use crate::stomp::Version;
use crate::stomp::message::{AckMode, Label};

/// Ids of ended subscriptions that are remembered, so that an ACK that crosses an UNSUBSCRIBE is no violation.
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
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    last_number: u32,
    live: BTreeMap<u32, Subscription>,
    ended: VecDeque<String>,
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
        };
        self.live.insert(number, subscription);
        number
    }

    pub(super) fn get(&self, number: u32) -> Option<&Subscription> {
        self.live.get(&number)
    }

    /// Forgets one as if it had never been.
    pub(super) fn remove(&mut self, number: u32) -> Option<Subscription> {
        self.live.remove(&number)
    }

    /// Ends one that the client no longer wants.
    pub(super) fn end(&mut self, number: u32) -> Option<Subscription> {
        let subscription = self.remove(number)?;
        if let Some(id) = &subscription.id {
            if self.ended.len() == ENDED_MAX {
                self.ended.pop_front();
            }
            self.ended.push_back(id.clone());
        }
        Some(subscription)
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

    /// The oldest one that takes errors.
    pub(super) fn for_errors(&self) -> Option<&Subscription> {
        self.live.values().find(|one| one.source.takes_errors())
    }

    /// Whether messages can have come under this id.
    pub(super) fn knew_id(&self, id: &str) -> bool {
        self.with_id(id).is_some() || self.ended.iter().any(|ended| ended == id)
    }

    /// Whether messages can have come under this number.
    pub(super) fn knew_number(&self, number: u32) -> bool {
        (1..=self.last_number).contains(&number)
    }
}
