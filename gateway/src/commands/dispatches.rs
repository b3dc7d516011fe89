//! Which commands a message to NATS carries, until NATS has said something about it. No socket and no clock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// After this long NATS says nothing any more about a message: its commands are published again long before.
const WORD_WAIT_MAX: Duration = Duration::from_secs(30);

/// The messages that NATS has said nothing about. As many as are sent within [`WORD_WAIT_MAX`], of which each has a
/// command with a place among the pending ones, or had one until lately.
#[derive(Debug, Default)]
pub(super) struct Dispatches {
    last_number: u64,
    sent: HashMap<u64, Sent>,
}

#[derive(Debug)]
struct Sent {
    commands: Vec<u64>,
    at: Instant,
}

impl Dispatches {
    /// Takes note of a message with these commands; its number, which is in its answer.
    pub(super) fn begin(&mut self, commands: Vec<u64>, now: Instant) -> u64 {
        self.last_number += 1;
        let sent = Sent { commands, at: now };
        self.sent.insert(self.last_number, sent);
        self.last_number
    }

    /// NATS has said something about a message, or it was not sent: its commands. None if that is known already.
    pub(super) fn end(&mut self, number: u64) -> Vec<u64> {
        let sent = self.sent.remove(&number);
        sent.map(|sent| sent.commands).unwrap_or_default()
    }

    /// Time has passed.
    pub(super) fn on_tick(&mut self, now: Instant) {
        self.sent
            .retain(|_, sent| now.saturating_duration_since(sent.at) < WORD_WAIT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_its_number_until_it_is_answered_or_old() {
        let (mut dispatches, start) = (Dispatches::default(), Instant::now());
        let first = dispatches.begin(vec![3, 5], start);
        let second = dispatches.begin(vec![4], start + Duration::from_secs(1));
        assert_eq!(dispatches.end(first), [3, 5]);
        assert_eq!(dispatches.end(first), [0_u64; 0], "told twice");
        dispatches.on_tick(start + WORD_WAIT_MAX);
        assert_eq!(dispatches.sent.len(), 1);
        dispatches.on_tick(start + WORD_WAIT_MAX + Duration::from_secs(1));
        assert_eq!(dispatches.end(second), [0_u64; 0]);
    }
}
