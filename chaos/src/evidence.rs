//! What the judge gets to see: what senders were told, what subscribers saw, what the database holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use shared::command::CommandId;
use shared::error_code::ErrorCode;
use shared::event::EventType;

/// A moment in the one order that all clients of this process share: of two moments, the smaller was first.
pub type Moment = u64;

/// Deals out moments.
#[derive(Debug, Default)]
pub struct Moments(AtomicU64);

impl Moments {
    /// Later than every moment dealt out before.
    pub fn next(&self) -> Moment {
        self.0.fetch_add(1, Ordering::AcqRel)
    }
}

/// What a sender knows for certain of its command in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It got its RECEIPT.
    Receipt,
    /// It was refused, and that for good.
    Refused(ErrorCode),
}

/// A command and its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Its name.
    pub command: CommandId,
    /// Whose.
    pub author: i64,
    /// In which chat.
    pub chat: i64,
    /// The event asked for.
    pub kind: EventType,
    /// Before it was sent for the first time.
    pub begun: Moment,
    /// After its fate was known. It may have happened any time between the two.
    pub known: Moment,
    /// What became of it.
    pub fate: Fate,
    /// Commands of one burst went out one behind the other in one session and chat, each without waiting for the
    /// answer to the one before, and got their answers there: they must be carried out in the order of `begun`.
    pub burst: Option<u64>,
}

/// An event in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: i64,
    /// The chat's event before it; 0 for the first.
    pub previous_id: i64,
    /// What caused it.
    pub command: CommandId,
    /// Whose.
    pub author: i64,
    /// Where.
    pub chat: i64,
    /// What happened.
    pub kind: EventType,
}

/// An event as a subscriber saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: i64,
    /// Whose.
    pub author: i64,
    /// What happened.
    pub kind: EventType,
}

/// A subscriber, and what it saw in each chat from the chat's first event on, in the order in which it came.
#[derive(Debug, Clone, Default)]
pub struct Witness {
    /// What reports call it.
    pub name: String,
    /// By chat.
    pub chats: BTreeMap<i64, Vec<Seen>>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Every command, once.
    pub sent: Vec<Sent>,
    /// Every event, by chat and id.
    pub stored: Vec<Stored>,
    /// User and chat of every membership in the database.
    pub members: BTreeSet<(i64, i64)>,
    /// Through how many chats a user belongs to a country, as the database says.
    pub countries: BTreeMap<(i64, String), i64>,
    /// The country of each chat.
    pub country_of: BTreeMap<i64, String>,
    /// Every subscriber.
    pub witnesses: Vec<Witness>,
    /// Whether typing that its author did not end must have ended by itself by now.
    pub typing_must_have_ended: bool,
}
