//! The judge: finds every broken promise in the evidence. Pure; it asks nobody and waits for nothing.
//!
//! Three questions, a file each: was every command told the truth (`commands`), do the database's tables agree
//! with each other (`history`), did every subscriber see what is stored (`delivery`)?

mod commands;
mod delivery;
mod history;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use shared::event::EventType;

use crate::evidence::{Evidence, Stored};
use crate::violation::Violation;

/// All violations there are.
pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let chats = by_chat(&evidence.stored);
    let mut violations = delivery::check(&evidence.witnesses, &chats);
    violations.extend(commands::check(&evidence.sent, &evidence.stored));
    violations.extend(history::check(evidence, &chats));
    violations
}

/// A chat's events, in the order of their ids.
type Chats<'a> = BTreeMap<i64, Vec<&'a Stored>>;

fn by_chat(stored: &[Stored]) -> Chats<'_> {
    let mut chats = Chats::new();
    for event in stored {
        chats.entry(event.chat).or_default().push(event);
    }
    for events in chats.values_mut() {
        events.sort_by_key(|event| event.id);
    }
    chats
}

/// Whether the author is a member after an event of this type; `None` when it does not matter.
const fn membership_after(kind: EventType) -> Option<bool> {
    match kind {
        EventType::Join => Some(true),
        EventType::Leave => Some(false),
        EventType::StartTyping | EventType::StopTyping => None,
    }
}
