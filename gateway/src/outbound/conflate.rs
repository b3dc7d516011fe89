//! Makes a crowded queue shorter without losing a word that still matters: typing is a state, and of a state only
//! the last word counts.

use std::collections::{HashMap, VecDeque};

use super::queue::Item;

/// What was taken out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conflated {
    /// How many events.
    pub(super) events: usize,
    /// Their octets.
    pub(super) octets: usize,
}

/// Takes out every typing event behind which another one of the same author waits for the same subscription, and
/// so in the same chat. The last one stays where it is, be it START or STOP: whether the client has seen a START
/// before is not known here, so a START and its STOP do not cancel each other out. Memberships and answers stay,
/// and nothing changes its place.
///
/// Events that go out together are taken apart for this; they were put together for those who keep up.
pub(super) fn conflate(items: &mut VecDeque<Item>) -> Conflated {
    *items = items.drain(..).flat_map(Item::apart).collect();
    let mut last = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(key) = item.typing() {
            last.insert(key, place);
        }
    }
    let mut conflated = Conflated::default();
    let mut place = 0;
    items.retain(|item| {
        let superseded = item.typing().is_some_and(|key| last[&key] != place);
        place += 1;
        if superseded {
            conflated.events += 1;
            conflated.octets += item.octets();
        }
        !superseded
    });
    conflated
}
