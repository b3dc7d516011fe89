//! What waits for one client, as a structure without locks and wake-ups.

use std::collections::VecDeque;
use std::sync::Arc;

use shared::id::UserId;

use super::conflate::{Conflated, conflate};
use super::{Answer, Delivery};

/// Of a full queue, the part from which typing is conflated. Above the half that replays may fill, so that only
/// live events which pile up lead to it.
const CONFLATE_FROM: (usize, usize) = (3, 4);

/// Of a full queue, the part by which it has to grow before it is conflated again. Conflation looks at everything
/// that waits; with this it costs each event that comes a dozen looks at most, however full the queue is.
const CONFLATE_AGAIN: (usize, usize) = (1, 16);

/// One entry of the queue.
#[derive(Debug)]
pub enum Item {
    /// Events of a chat.
    Events {
        /// The events, shared with other sessions.
        delivery: Arc<Delivery>,
        /// For the subscription with this number.
        subscription: u32,
    },
    /// For the session.
    Answer(Box<Answer>),
}

impl Item {
    /// Octets that count towards the bound.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Events { delivery, .. } => delivery.octets().len(),
            Self::Answer(_) => 0,
        }
    }

    /// What the item is the latest word on, when a later one makes it worthless. Known of single events only.
    pub(super) fn typing(&self) -> Option<(u32, UserId)> {
        match self {
            Self::Events {
                delivery,
                subscription,
            } => match delivery.messages() {
                [only] => Some((*subscription, only.typing_of?)),
                _ => None,
            },
            Self::Answer(_) => None,
        }
    }

    /// The same as single events.
    pub(super) fn apart(self) -> impl Iterator<Item = Self> {
        let (whole, parts) = match &self {
            Self::Events {
                delivery,
                subscription,
            } if delivery.messages().len() > 1 => {
                let subscription = *subscription;
                let messages = delivery.messages().to_vec().into_iter();
                let parts = messages.map(move |message| Self::Events {
                    delivery: Arc::new(Delivery::of(message)),
                    subscription,
                });
                (None, Some(parts))
            }
            _ => (Some(self), None),
        };
        whole.into_iter().chain(parts.into_iter().flatten())
    }
}

/// The queue of one client. Of its octets only those of events count: the session bounds what it answers.
#[derive(Debug)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    /// Of all events queued or being written.
    octets: usize,
    octets_max: usize,
    /// With more octets than this, typing is conflated.
    conflate_from: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The bound was hit; only answers are taken from now on.
    Overflowed,
    /// The connection is gone.
    Closed,
}

/// More piled up than the client may leave unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

impl Queue {
    pub(super) fn new(octets_max: usize) -> Self {
        Self {
            items: VecDeque::new(),
            octets: 0,
            octets_max,
            conflate_from: part(octets_max, CONFLATE_FROM),
            state: State::Open,
        }
    }

    /// Queues events. In a crowded queue typing is conflated first; says what that took out. If there is no room even
    /// so, all events are dropped and [`Self::take`] says that.
    pub(super) fn push_events(&mut self, delivery: Arc<Delivery>, subscription: u32) -> Conflated {
        let mut conflated = Conflated::default();
        if self.state != State::Open {
            return conflated;
        }
        let octets = delivery.octets().len();
        if self.octets + octets > self.conflate_from {
            conflated = conflate(&mut self.items);
            self.octets -= conflated.octets;
            let again = self.octets + part(self.octets_max, CONFLATE_AGAIN);
            self.conflate_from = again.max(part(self.octets_max, CONFLATE_FROM));
        }
        if self.octets + octets > self.octets_max {
            self.state = State::Overflowed;
            self.items.retain(|item| matches!(item, Item::Answer(_)));
        } else {
            self.octets += octets;
            self.items.push_back(Item::Events {
                delivery,
                subscription,
            });
        }
        conflated
    }

    /// Queues an answer.
    pub(super) fn push_answer(&mut self, answer: Answer) {
        if self.state != State::Closed {
            self.items.push_back(Item::Answer(Box::new(answer)));
        }
    }

    /// Whether [`Self::take`] has something to say.
    pub(super) fn is_filled(&self) -> bool {
        !self.items.is_empty() || self.state == State::Overflowed
    }

    /// Takes the oldest items out, up to the one with which their octets reach `octets_max`. What stays can still be
    /// conflated.
    pub(super) fn take(&mut self, octets_max: usize) -> Result<VecDeque<Item>, Overflow> {
        if self.state == State::Overflowed {
            return Err(Overflow);
        }
        if self.octets <= octets_max {
            return Ok(std::mem::take(&mut self.items));
        }
        let (mut octets, mut items) = (0, VecDeque::new());
        while octets < octets_max
            && let Some(item) = self.items.pop_front()
        {
            octets += item.octets();
            items.push_back(item);
        }
        Ok(items)
    }

    /// So many octets of events taken out before were written.
    pub(super) fn written(&mut self, octets: usize) {
        self.octets = self.octets.saturating_sub(octets);
        let crowded = part(self.octets_max, CONFLATE_FROM);
        if self.octets < crowded {
            self.conflate_from = crowded;
        }
    }

    /// Whether at most half of what may wait does. `None`: nothing is sent any more.
    pub(super) fn has_room(&self) -> Option<bool> {
        (self.state == State::Open).then_some(self.octets <= self.octets_max / 2)
    }

    /// Of all events queued or being written.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Forgets everything, now and from now on.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
        self.items = VecDeque::new();
    }
}

const fn part(octets_max: usize, (numerator, denominator): (usize, usize)) -> usize {
    octets_max / denominator * numerator
}

#[cfg(test)]
mod tests;
