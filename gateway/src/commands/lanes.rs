//! The order of commands: of one session and chat, only one is with NATS and not accepted yet.
//!
//! A publish that has to be repeated could otherwise fall behind its successor. Other chats, and other sessions, do
//! not wait.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use shared::id::ChatId;

/// What keeps an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    /// Number of the session.
    pub(super) session: u64,
    /// Where its commands go.
    pub(super) chat: ChatId,
}

/// All lanes with a command that NATS does not have yet.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<Lane, Queue>,
}

#[derive(Debug)]
struct Queue {
    /// Whose turn it is.
    first: u64,
    /// In order.
    behind: VecDeque<u64>,
}

impl Lanes {
    /// A command has come. Whether it is its turn at once.
    pub(super) fn enter(&mut self, lane: Lane, number: u64) -> bool {
        match self.lanes.entry(lane) {
            Entry::Vacant(vacant) => {
                vacant.insert(Queue {
                    first: number,
                    behind: VecDeque::new(),
                });
                true
            }
            Entry::Occupied(mut queue) => {
                queue.get_mut().behind.push_back(number);
                false
            }
        }
    }

    /// NATS has a command, or it is settled. Hands out the one whose turn it is now; none if it was another's turn
    /// all along.
    pub(super) fn leave(&mut self, lane: Lane, number: u64) -> Option<u64> {
        let Entry::Occupied(mut queue) = self.lanes.entry(lane) else {
            return None;
        };
        if queue.get().first != number {
            return None;
        }
        let next = queue.get_mut().behind.pop_front();
        match next {
            Some(next) => queue.get_mut().first = next,
            None => drop(queue.remove()),
        }
        next
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(session: u64, chat: i64) -> Lane {
        Lane {
            session,
            chat: chat.try_into().unwrap(),
        }
    }

    #[test]
    fn one_at_a_time_in_order_and_others_do_not_wait() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(lane(1, 4), 1));
        assert!(!lanes.enter(lane(1, 4), 2));
        assert!(!lanes.enter(lane(1, 4), 3));
        assert!(lanes.enter(lane(1, 5), 4), "another chat");
        assert!(lanes.enter(lane(2, 4), 5), "another session");
        assert_eq!(lanes.leave(lane(1, 4), 1), Some(2));
        assert_eq!(lanes.leave(lane(1, 4), 1), None, "it has left before");
        assert_eq!(lanes.leave(lane(1, 4), 2), Some(3));
        for (lane, last) in [(lane(1, 4), 3), (lane(1, 5), 4), (lane(2, 4), 5)] {
            assert_eq!(lanes.leave(lane, last), None);
        }
        assert!(lanes.is_empty());
    }
}
