//! Was every command told the truth? RECEIPT: stored once. Refused: not stored, and for a reason that held at
//! some moment between question and answer. And what was known to be stored before another command was sent has
//! the smaller id.

use std::collections::{BTreeMap, BTreeSet};

use shared::command::CommandId;
use shared::error_code::ErrorCode;
use shared::event::EventType;

use super::membership_after;
use crate::evidence::{Fate, Sent, Stored};
use crate::violation::{Violation, needs_membership};

/// A command with its event.
type Carried<'a> = (&'a Sent, &'a Stored);

pub(super) fn check(sent: &[Sent], stored: &[Stored]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut events: BTreeMap<CommandId, Vec<&Stored>> = BTreeMap::new();
    for event in stored {
        events.entry(event.command).or_default().push(event);
    }
    let mut carried: BTreeMap<i64, Vec<Carried>> = BTreeMap::new();
    for command in sent {
        let events = events.remove(&command.command).unwrap_or_default();
        violations.extend(fate(command, &events));
        for event in events {
            carried
                .entry(event.chat)
                .or_default()
                .push((command, event));
        }
    }
    for chat in carried.values_mut() {
        chat.sort_by_key(|(_, event)| event.id);
        violations.extend(order(chat));
        violations.extend(bursts(chat));
    }
    for command in sent {
        if let Fate::Refused(code) = command.fate {
            let chat = carried.get(&command.chat).map_or(&[][..], Vec::as_slice);
            if !is_founded(command, code, chat) {
                violations.push(Violation::UnfoundedRefusal(*command));
            }
        }
    }
    violations.extend(nobodys(stored, &events.into_keys().collect()));
    violations
}

/// What is wrong with one command and its events.
fn fate(sent: &Sent, events: &[&Stored]) -> Option<Violation> {
    match (sent.fate, events) {
        (Fate::Receipt, []) => Some(Violation::ReceiptWithoutEvent(*sent)),
        (Fate::Refused(_), []) => None,
        (Fate::Refused(_), [event, ..]) => Some(Violation::RefusedButStored(*sent, event.id)),
        (Fate::Receipt, [event]) => {
            let asked = (sent.author, sent.chat, sent.kind);
            let got = (event.author, event.chat, event.kind);
            (asked != got).then_some(Violation::WrongEvent(*sent, **event))
        }
        (Fate::Receipt, events) => {
            let ids = events.iter().map(|event| event.id).collect();
            Some(Violation::StoredTwice(*sent, ids))
        }
    }
}

/// Commands of one chat, by the ids of their events: none may be known before an earlier one was even sent.
fn order<'a>(chat: &'a [Carried<'a>]) -> impl Iterator<Item = Violation> + 'a {
    let mut latest: Option<&Carried> = None;
    chat.iter().filter_map(move |carried @ (sent, event)| {
        let violation = latest
            .filter(|(earlier, _)| sent.known < earlier.begun)
            .map(|(earlier, its_event)| Violation::StoredOutOfOrder {
                later: **earlier,
                id: its_event.id,
                before: event.id,
            });
        if latest.is_none_or(|(earlier, _)| earlier.begun < sent.begun) {
            latest = Some(carried);
        }
        violation
    })
}

/// Commands of one chat, by the ids of their events: those of one burst must be in the order they were sent in.
fn bursts(chat: &[Carried]) -> Vec<Violation> {
    let mut latest: BTreeMap<u64, &Carried> = BTreeMap::new();
    let mut overtaken = Vec::new();
    for carried in chat {
        let (sent, event) = carried;
        let Some(burst) = sent.burst else { continue };
        if let Some((second, its_event)) = latest.get(&burst)
            && sent.begun < second.begun
        {
            overtaken.push(Violation::Overtaken {
                first: **sent,
                id: event.id,
                second: its_event.id,
            });
        }
        latest.insert(burst, carried);
    }
    overtaken
}

/// Whether a refusal can be true: the author's membership went through what `chat` says, and somewhere between
/// the question and the answer it must have been as the refusal claims.
fn is_founded(refused: &Sent, code: ErrorCode, chat: &[Carried]) -> bool {
    let Some(needed) = needs_membership(refused.kind, code) else {
        return match code {
            ErrorCode::Unavailable | ErrorCode::RateLimited => true,
            ErrorCode::Expired => refused.kind.is_typing(),
            _ => false,
        };
    };
    // By the order of the chat: outside at first, then as each JOIN and LEAVE left it.
    let mut was_as_claimed = !needed;
    for (sent, event) in chat {
        let Some(member) = membership_after(event.kind).filter(|_| event.author == refused.author)
        else {
            continue;
        };
        if sent.begun > refused.known {
            break;
        }
        // Known before the question: what was before it cannot be the reason any more.
        let certain = sent.known < refused.begun;
        was_as_claimed = (was_as_claimed && !certain) || member == needed;
    }
    was_as_claimed
}

/// Events of commands that no sender sent. The system itself ends typing, under a name that follows from the
/// event that began it; anything else came from nowhere.
fn nobodys(stored: &[Stored], commands: &BTreeSet<CommandId>) -> Vec<Violation> {
    let ends: BTreeMap<CommandId, &Stored> = stored
        .iter()
        .filter(|event| event.kind == EventType::StartTyping)
        .filter_map(|event| Some((CommandId::stop_typing(event.id.try_into().ok()?), event)))
        .collect();
    let is_end = |event: &Stored| {
        event.kind == EventType::StopTyping
            && ends.get(&event.command).is_some_and(|start| {
                (start.author, start.chat) == (event.author, event.chat) && start.id < event.id
            })
    };
    stored
        .iter()
        .filter(|event| commands.contains(&event.command) && !is_end(event))
        .map(|event| Violation::NobodyAsked(*event))
        .collect()
}
