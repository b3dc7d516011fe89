//! Do the tables agree with each other? Chains unbroken, memberships and country counts those of the events
//! replayed, no typing left on.

use std::collections::{BTreeMap, BTreeSet};

use shared::event::EventType;

use super::{Chats, membership_after};
use crate::evidence::{Evidence, Stored};
use crate::violation::Violation;

pub(super) fn check(evidence: &Evidence, chats: &Chats) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut members = BTreeSet::new();
    for events in chats.values() {
        violations.extend(chain(events));
        violations.extend(replay(events, &mut members));
        if evidence.typing_must_have_ended {
            violations.extend(typing(events));
        }
    }
    violations.extend(memberships(&members, &evidence.members));
    violations.extend(countries(&members, evidence));
    violations
}

fn chain(events: &[&Stored]) -> Vec<Violation> {
    let mut expected = 0;
    let mut broken = Vec::new();
    for event in events {
        if event.previous_id != expected {
            broken.push(Violation::BrokenChain {
                event: **event,
                expected,
            });
        }
        expected = event.id;
    }
    broken
}

/// Adds to `members` what one chat's events make of it.
fn replay(events: &[&Stored], members: &mut BTreeSet<(i64, i64)>) -> Vec<Violation> {
    let mut impossible = Vec::new();
    for event in events {
        let place = (event.author, event.chat);
        let changed = match membership_after(event.kind) {
            Some(true) => members.insert(place),
            Some(false) => members.remove(&place),
            None => true,
        };
        if !changed {
            impossible.push(Violation::ImpossibleEvent(**event));
        }
    }
    impossible
}

/// The last that is known of each author's typing must be that it ended.
fn typing(events: &[&Stored]) -> Vec<Violation> {
    let mut last = BTreeMap::new();
    for event in events.iter().filter(|event| event.kind.is_typing()) {
        last.insert(event.author, *event);
    }
    last.into_values()
        .filter(|event| event.kind == EventType::StartTyping)
        .map(|event| Violation::TypingLeftOn(*event))
        .collect()
}

fn memberships(
    by_events: &BTreeSet<(i64, i64)>,
    in_database: &BTreeSet<(i64, i64)>,
) -> Vec<Violation> {
    by_events
        .symmetric_difference(in_database)
        .map(|(user, chat)| Violation::WrongMembership {
            user: *user,
            chat: *chat,
            in_database: in_database.contains(&(*user, *chat)),
        })
        .collect()
}

fn countries(members: &BTreeSet<(i64, i64)>, evidence: &Evidence) -> Vec<Violation> {
    let mut by_events: BTreeMap<(i64, String), i64> = BTreeMap::new();
    for (user, chat) in members {
        let country = evidence.country_of.get(chat).cloned().unwrap_or_default();
        *by_events.entry((*user, country)).or_default() += 1;
    }
    let places: BTreeSet<_> = by_events.keys().chain(evidence.countries.keys()).collect();
    let count = |counts: &BTreeMap<_, i64>, place| counts.get(place).copied().unwrap_or_default();
    places
        .into_iter()
        .map(|place| {
            (
                place,
                count(&evidence.countries, place),
                count(&by_events, place),
            )
        })
        .filter(|(_, in_database, by_events)| in_database != by_events)
        .map(
            |((user, country), in_database, by_events)| Violation::WrongCountry {
                user: *user,
                country: country.clone(),
                in_database,
                by_events,
            },
        )
        .collect()
}
