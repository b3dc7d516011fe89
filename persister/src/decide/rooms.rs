//! Chats and members, as far as a batch touches them: read from the database, changed command by command.

use std::collections::{HashMap, HashSet};

use shared::id::{ChatId, EventId, UserId};

use super::Decision;

/// A chat that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Code of its country.
    pub country: String,
    /// Id of its newest event, 0 when it has none.
    pub head: i64,
}

/// The chats and memberships a batch speaks of.
#[derive(Debug, Clone, Default)]
pub struct Rooms {
    /// The chats that exist, of those in the batch.
    pub chats: HashMap<ChatId, Room>,
    /// The memberships that exist, of those in the batch.
    pub members: HashSet<(UserId, ChatId)>,
}

impl Rooms {
    pub(super) fn exists(&self, chat: ChatId) -> bool {
        self.chats.contains_key(&chat)
    }

    /// Begins a membership; whether there was none.
    pub(super) fn enter(&mut self, user: UserId, chat: ChatId) -> bool {
        self.members.insert((user, chat))
    }

    /// Ends a membership; whether there was one.
    pub(super) fn exit(&mut self, user: UserId, chat: ChatId) -> bool {
        self.members.remove(&(user, chat))
    }

    /// Makes `event` the newest of a chat that exists, and returns the id of the one before.
    pub(super) fn append(&mut self, chat: ChatId, event: EventId) -> i64 {
        let room = self
            .chats
            .get_mut(&chat)
            .expect("only commands to chats that exist become events");
        std::mem::replace(&mut room.head, event.get())
    }

    /// What has changed, net: a JOIN and a LEAVE in one batch are two events and no change.
    pub(super) fn changes_since(&self, before: &Self, decision: &mut Decision) {
        decision.joined = self.members.difference(&before.members).copied().collect();
        decision.left = before.members.difference(&self.members).copied().collect();
        decision.joined.sort_unstable();
        decision.left.sort_unstable();
        let changes = decision
            .joined
            .iter()
            .map(|pair| (pair, 1))
            .chain(decision.left.iter().map(|pair| (pair, -1)));
        for ((user, chat), change) in changes {
            // A chat whose country is unknown does not exist, and nobody enters or leaves it.
            if let Some(room) = self.chats.get(chat) {
                let key = (*user, room.country.clone());
                *decision.countries.entry(key).or_default() += change;
            }
        }
        decision.countries.retain(|_, change| *change != 0);
    }
}
