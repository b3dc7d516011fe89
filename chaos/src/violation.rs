//! What must not be: each kind of broken promise, with what a person needs to look into it.

mod report;

use shared::error_code::ErrorCode;
use shared::event::EventType;

use crate::evidence::{Fate, Seen, Sent, Stored};

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A command with a RECEIPT is not in the database.
    ReceiptWithoutEvent(Sent),
    /// A command took effect more than once.
    StoredTwice(Sent, Vec<i64>),
    /// A command that was refused took effect.
    RefusedButStored(Sent, i64),
    /// A refusal that no state of the memberships between its question and its answer explains.
    UnfoundedRefusal(Sent),
    /// The event of a command is another than was asked for.
    WrongEvent(Sent, Stored),
    /// Nobody asked for this event.
    NobodyAsked(Stored),
    /// An event does not name the chat's event before it.
    BrokenChain {
        /// The event.
        event: Stored,
        /// What it should name.
        expected: i64,
    },
    /// A command sent after another was known to be stored has an earlier event.
    StoredOutOfOrder {
        /// The one sent later, stored earlier.
        later: Sent,
        /// Its event.
        id: i64,
        /// The event of the one known before.
        before: i64,
    },
    /// Of two commands sent one behind the other in one session and chat, the second was carried out first.
    Overtaken {
        /// The one sent first.
        first: Sent,
        /// Its event.
        id: i64,
        /// The event of the one sent behind it.
        second: i64,
    },
    /// A JOIN of a member, or a LEAVE of somebody who was none, was stored.
    ImpossibleEvent(Stored),
    /// A membership in the database that the events do not give, or the other way about.
    WrongMembership {
        /// Who.
        user: i64,
        /// Where.
        chat: i64,
        /// Whether the database has it.
        in_database: bool,
    },
    /// The database counts another number of a user's chats in a country than the events give.
    WrongCountry {
        /// Who.
        user: i64,
        /// Where.
        country: String,
        /// What the database says.
        in_database: i64,
        /// What the events give.
        by_events: i64,
    },
    /// An author still types, although nobody is there any more.
    TypingLeftOn(Stored),
    /// Stored events that a subscriber never saw.
    Lost(Sighting),
    /// Events that a subscriber saw more than once.
    Doubled(Sighting),
    /// Events that came after a later one.
    Disordered(Sighting),
    /// Events that a subscriber saw and that are not stored.
    Phantom(Sighting),
    /// A subscriber saw something else than what is stored under this id.
    Altered {
        /// Who.
        subscriber: String,
        /// What it saw.
        seen: Seen,
        /// What is stored.
        stored: Stored,
    },
    /// A subscriber was told HISTORY_GONE, although nothing is ever pruned here.
    HistoryGone {
        /// Who.
        subscriber: String,
        /// Which chat.
        chat: i64,
        /// What it had seen last.
        last: i64,
    },
    /// A repetition with the same idempotency-key got another outcome than the first.
    ChangedOutcome {
        /// The command with its first outcome.
        sent: Sent,
        /// The other one.
        then: Fate,
    },
    /// A command got no answer although the connection was alive.
    NotTold(String),
    /// The gateway sent what it must not.
    Protocol {
        /// Who received it.
        client: String,
        /// What it was.
        what: String,
    },
    /// A process ended although nobody killed it, or did not come back.
    Process(String),
}

/// Which subscriber, where, which events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Who.
    pub subscriber: String,
    /// Which chat.
    pub chat: i64,
    /// Which events.
    pub ids: Vec<i64>,
    /// How many the database holds of this chat, and its newest.
    pub stored: (usize, i64),
}

/// Whether a refusal for this reason can be checked against the memberships, and which it needs.
pub(crate) fn needs_membership(kind: EventType, code: ErrorCode) -> Option<bool> {
    match (kind, code) {
        (EventType::Join, ErrorCode::AlreadyJoined) => Some(true),
        (EventType::Leave, ErrorCode::NotJoined) => Some(false),
        _ => None,
    }
}
