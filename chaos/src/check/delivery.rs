//! Did every subscriber see every stored event of its chats once, in order, and nothing else?

use std::collections::{BTreeMap, BTreeSet};

use super::Chats;
use crate::evidence::{Seen, Stored, Witness};
use crate::violation::{Sighting, Violation};

pub(super) fn check(witnesses: &[Witness], chats: &Chats) -> Vec<Violation> {
    let mut violations = Vec::new();
    for witness in witnesses {
        for (chat, seen) in &witness.chats {
            let stored = chats.get(chat).map_or(&[][..], Vec::as_slice);
            violations.extend(compare(&witness.name, *chat, seen, stored));
        }
    }
    violations
}

fn compare(subscriber: &str, chat: i64, seen: &[Seen], stored: &[&Stored]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let expected: BTreeMap<i64, &Stored> = stored.iter().map(|event| (event.id, *event)).collect();
    let (mut met, mut newest) = (BTreeSet::new(), 0);
    let (mut doubled, mut disordered, mut phantom) = (Vec::new(), Vec::new(), Vec::new());
    for event in seen {
        if !met.insert(event.id) {
            doubled.push(event.id);
        } else if event.id < newest {
            disordered.push(event.id);
        }
        newest = newest.max(event.id);
        match expected.get(&event.id) {
            None => phantom.push(event.id),
            Some(stored) if (stored.author, stored.kind) != (event.author, event.kind) => {
                violations.push(Violation::Altered {
                    subscriber: subscriber.to_owned(),
                    seen: *event,
                    stored: **stored,
                });
            }
            Some(_) => {}
        }
    }
    let lost = expected.keys().filter(|id| !met.contains(id)).copied();
    let sighting = |ids: Vec<i64>| Sighting {
        subscriber: subscriber.to_owned(),
        chat,
        ids,
        stored: (stored.len(), stored.last().map_or(0, |event| event.id)),
    };
    let found = [
        Violation::Lost(sighting(lost.collect())),
        Violation::Doubled(sighting(doubled)),
        Violation::Disordered(sighting(disordered)),
        Violation::Phantom(sighting(phantom)),
    ];
    violations.extend(found.into_iter().filter(|violation| match violation {
        Violation::Lost(sighting)
        | Violation::Doubled(sighting)
        | Violation::Disordered(sighting)
        | Violation::Phantom(sighting) => !sighting.ids.is_empty(),
        _ => true,
    }));
    violations
}
