//! The events of one chat on their way: how many subscribers each still has to reach.

use std::collections::VecDeque;
use std::time::Instant;

/// An event on its way.
#[derive(Debug)]
struct InFlight {
    published: Instant,
    missing: usize,
}

/// A chat, its events numbered 1, 2, 3, ….
#[derive(Debug, Default)]
pub(super) struct Chat {
    subscribers: usize,
    published: u64,
    /// Oldest first; the last one is event `published`.
    in_flight: VecDeque<InFlight>,
}

impl Chat {
    /// Number of the newest event.
    pub(super) fn published(&self) -> u64 {
        self.published
    }

    /// Whether every event has reached everybody.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// One more has to get every event from now on.
    pub(super) fn enter(&mut self) {
        self.subscribers += 1;
    }

    /// One fewer, who has everything up to `got`: nobody waits any more for them to get the rest.
    pub(super) fn leave(&mut self, got: u64) {
        self.subscribers -= 1;
        self.skip(got, self.published + 1);
    }

    /// The number of the next event, which is published now.
    pub(super) fn publish(&mut self, now: Instant) -> u64 {
        self.published += 1;
        self.in_flight.push_back(InFlight {
            published: now,
            missing: self.subscribers,
        });
        self.published
    }

    /// One subscriber has got this event; returns when it was published, if somebody waited for that.
    pub(super) fn got(&mut self, sequence: u64) -> Option<Instant> {
        let event = self.event(sequence)?;
        event.missing -= 1;
        Some(event.published)
    }

    /// Nobody waits any more for the events between these two to reach one subscriber.
    pub(super) fn skip(&mut self, after: u64, before: u64) {
        for missed in after.max(self.complete()) + 1..before {
            if let Some(event) = self.event(missed) {
                event.missing -= 1;
            }
        }
    }

    /// Takes off the oldest events that have reached everybody; returns how many.
    pub(super) fn take_complete(&mut self) -> usize {
        let complete = self.in_flight.iter().take_while(|event| event.missing == 0);
        let count = complete.count();
        self.in_flight.drain(..count);
        count
    }

    /// Everything up to this event was taken off as complete.
    fn complete(&self) -> u64 {
        self.published - self.in_flight.len() as u64
    }

    fn event(&mut self, sequence: u64) -> Option<&mut InFlight> {
        let position = sequence.checked_sub(self.complete() + 1)?;
        self.in_flight.get_mut(usize::try_from(position).ok()?)
    }
}
