//! Chats and members, as far as a batch touches them: read from the database, changed command by command.

use std::collections::{BTreeSet, HashMap, HashSet};

use shared::id::{ChatId, EventId, UserId};
use shared::policy::{ChatType, SEATS_MAX, Standing};

use super::Decision;

/// A chat that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Code of its country.
    pub country: String,
    /// Whom it is for.
    pub chat_type: ChatType,
    /// Who has a seat in it, when it is PRIVATE.
    pub seats: BTreeSet<UserId>,
    /// Id of its newest event, 0 when it has none.
    pub head: i64,
}

/// The chats and memberships a batch speaks of.
#[derive(Debug, Clone, Default)]
pub struct Rooms {
    /// The chats that exist, of those in the batch.
    pub chats: HashMap<ChatId, Room>,
    /// The memberships that exist, of those in the batch: of whoever joins or leaves, and in PRIVATE chats of whoever
    /// does anything.
    pub members: HashSet<(UserId, ChatId)>,
}

impl Rooms {
    pub(super) fn exists(&self, chat: ChatId) -> bool {
        self.chats.contains_key(&chat)
    }

    pub(super) fn is_member(&self, user: UserId, chat: ChatId) -> bool {
        self.members.contains(&(user, chat))
    }

    /// How somebody stands to a chat that exists.
    pub(super) fn standing(&self, user: UserId, chat: ChatId) -> Standing {
        match self.chats.get(&chat) {
            Some(room) if room.chat_type == ChatType::Private => Standing::Private {
                is_member: self.is_member(user, chat),
                may_sit: room.seats.contains(&user) || room.seats.len() < SEATS_MAX,
            },
            _ => Standing::Group,
        }
    }

    /// Begins a membership that was none.
    pub(super) fn enter(&mut self, user: UserId, chat: ChatId) {
        self.members.insert((user, chat));
        if let Some(room) = self.chats.get_mut(&chat)
            && room.chat_type == ChatType::Private
        {
            room.seats.insert(user);
        }
    }

    /// Ends a membership; whether there was one. The seat in a private chat stays.
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

    /// What has changed, net: a JOIN and a LEAVE in one batch are two events and no change, but for the seat that was
    /// taken.
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
        for (chat, room) in &self.chats {
            if let Some(before) = before.chats.get(chat) {
                let taken = room.seats.difference(&before.seats);
                decision.seated.extend(taken.map(|user| (*user, *chat)));
            }
        }
        decision.seated.sort_unstable();
    }
}
