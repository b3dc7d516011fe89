//! START_TYPING and STOP_TYPING: by anybody, member or not, but only while they still mean something. And what
//! makes sure that typing ends (contract section 4, "Typing never sticks").
//!
//! Who starts to type is typing for the length of a lease. A second START_TYPING meanwhile is an event like the
//! first, and the lease counts from it: clients send it again and again for as long as keys are pressed. A
//! STOP_TYPING by somebody who is not typing is an event too; watchers take no harm from it.
//!
//! When the lease runs out, and when the author leaves the chat, the owner of the partition sends itself a
//! STOP_TYPING on the condition that the author is still typing since the event it was sent for. Gateways send
//! the same when an author's last session ends. A condition that does not hold is no failure: somebody was
//! faster.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use shared::clock::Timestamp;
use shared::command::Command;
use shared::error_code::ErrorCode;
use shared::event::{ChatEvent, EventType};
use shared::id::{ChatId, EventId, UserId};

use super::{Terms, Wish};

/// Age from which a typing command is not carried out any more: after an outage, nobody wants to watch old
/// typing (contract section 5, `EXPIRED`).
pub(super) const AGE_MAX_MS: u64 = 10_000;

/// Refuses what has waited too long. What makes typing end is never too late, nor what was in time once.
pub(super) fn judge(
    command: &Command,
    wish: &Wish,
    number: i64,
    terms: &Terms,
) -> Result<(), ErrorCode> {
    let is_old = terms.now.millis_since(wish.time) > AGE_MAX_MS;
    let counts = command.if_typing_since.is_none() && number > terms.carried_out_once;
    if is_old && counts {
        Err(ErrorCode::Expired)
    } else {
        Ok(())
    }
}

/// How long who starts to type is typing without saying so again. Zero: for as long as they do not say
/// otherwise, stay in the chat and are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypingLease(pub Duration);

/// Somebody is typing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typing {
    /// The START_TYPING event.
    pub since: EventId,
    /// In milliseconds since 1970.
    pub ends_at_ms: i64,
}

impl Typing {
    /// An end that is due whatever the time is.
    pub const AT_ONCE: i64 = 0;
    /// An end that is never due.
    pub const NEVER: i64 = i64::MAX;

    /// Begun by an event of this time. Counted from the event and not from when it is stored, so that deciding
    /// again comes to the same.
    fn begun(since: EventId, time: Timestamp, lease: TypingLease) -> Self {
        let lease_ms = i64::try_from(lease.0.as_millis()).unwrap_or(i64::MAX);
        Self {
            since,
            ends_at_ms: match lease_ms {
                0 => Self::NEVER,
                // A begun millisecond counts, so that no lease is cut short by rounding.
                lease_ms => (time.micros() / 1_000 + 1).saturating_add(lease_ms),
            },
        }
    }
}

/// A chat and somebody in it.
pub type Place = (ChatId, UserId);

/// Who is typing, as far as a batch has to know.
#[derive(Debug, Clone, Default)]
pub struct Typists {
    /// What the database said of the places where somebody leaves, or is asked about by a condition.
    pub known: HashMap<Place, Typing>,
    /// What the batch changes. `None`: not typing, without knowing whether that is a change.
    pub(super) changed: BTreeMap<Place, Option<Typing>>,
}

impl Typists {
    /// Whether the condition of a command holds, if it has one.
    pub(super) fn allow(&self, command: &Command) -> bool {
        let Some(since) = command.if_typing_since else {
            return true;
        };
        let place = (command.chat_id, command.author_id);
        self.at(place).is_some_and(|typing| typing.since == since)
    }

    /// What an event means for who is typing.
    pub(super) fn follow(&mut self, event: &ChatEvent, lease: TypingLease) {
        let place = (event.chat_id, event.author_id);
        match event.event_type {
            EventType::Join => {}
            EventType::StartTyping => {
                let typing = Typing::begun(event.id, event.event_time, lease);
                self.changed.insert(place, Some(typing));
            }
            EventType::StopTyping => {
                self.changed.insert(place, None);
            }
            EventType::Leave => {
                // Typing has to end, by an event of its own like any other.
                if let Some(typing) = self.at(place) {
                    let due = Typing {
                        ends_at_ms: Typing::AT_ONCE,
                        ..typing
                    };
                    self.changed.insert(place, Some(due));
                }
            }
        }
    }

    fn at(&self, place: Place) -> Option<Typing> {
        match self.changed.get(&place) {
            Some(changed) => *changed,
            None => self.known.get(&place).copied(),
        }
    }
}
