//! The bounded queue to one client.
//!
//! Fan-out tasks put encoded messages in, command tasks put answers in, the connection's task takes everything
//! out in one go. One queue for both keeps their order: a RECEIPT for SUBSCRIBE stands before the first event.
//!
//! Policy at the bound: what waits is dropped and the client is closed as too slow. It can resume from the last
//! event it saw, which is better than an arbitrary hole in the stream. Answers do not count towards the bound;
//! the session bounds them itself, by `commands_in_flight_max`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::id::EventId;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::auth::{Principal, Unproven};
use crate::refusal::Refusal;

/// Something for the session to react to.
#[derive(Debug)]
pub enum Answer {
    /// The subscription with this number is established, or refused.
    Subscribed(u32, Result<(), Refusal>),
    /// NATS has the command with this ticket.
    Accepted(u64),
    /// Whose token it is, or why that is not known.
    Authenticated(Result<Principal, Unproven>),
    /// The command with this ticket is settled.
    Outcome(u64, Result<EventId, Refusal>),
}

/// One entry of the queue.
#[derive(Debug)]
pub enum Item {
    /// An event of a chat.
    Event {
        /// Encoded and framed for this client's transport, shared with others.
        message: Utf8Bytes,
        /// For the subscription with this number.
        subscription: u32,
        /// Which one it is.
        event: EventId,
    },
    /// For the session.
    Answer(Answer),
}

/// The queue; shared by whoever has something for the client.
#[derive(Debug)]
pub struct Outbound {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
    octets_max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Of all messages queued or being written.
    octets: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The bound was hit; only answers are taken from now on.
    Overflowed,
    /// The connection is gone.
    Closed,
}

impl Outbound {
    /// An empty queue for at most `octets_max` octets of messages.
    pub fn new(octets_max: usize) -> Self {
        Self {
            queue: Mutex::default(),
            filled: Notify::new(),
            drained: Notify::new(),
            octets_max,
        }
    }

    /// Queues an event for one of the client's subscriptions. At the bound, everything waiting is dropped instead
    /// and [`Self::take`] says so.
    pub fn push_event(&self, message: Utf8Bytes, subscription: u32, event: EventId) {
        let mut queue = self.lock();
        if queue.state != State::Open {
            return;
        }
        if queue.octets + message.len() > self.octets_max {
            queue.state = State::Overflowed;
            queue.items.retain(|item| matches!(item, Item::Answer(_)));
        } else {
            queue.octets += message.len();
            queue.items.push_back(Item::Event {
                message,
                subscription,
                event,
            });
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Queues an answer.
    pub fn push_answer(&self, answer: Answer) {
        let mut queue = self.lock();
        if queue.state == State::Closed {
            return;
        }
        queue.items.push_back(Item::Answer(answer));
        drop(queue);
        self.filled.notify_one();
    }

    /// Waits until there may be something to take. Cancel-safe.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes everything out.
    ///
    /// # Errors
    /// [`Overflow`] once the bound was hit.
    pub fn take(&self, batch: &mut VecDeque<Item>) -> Result<(), Overflow> {
        let mut queue = self.lock();
        if queue.state == State::Overflowed {
            return Err(Overflow);
        }
        std::mem::swap(&mut queue.items, batch);
        Ok(())
    }

    /// Says that so many octets of messages taken out before were written.
    pub fn written(&self, octets: usize) {
        let mut queue = self.lock();
        queue.octets = queue.octets.saturating_sub(octets);
        drop(queue);
        self.drained.notify_waiters();
    }

    /// Waits until at most half of what may wait does, for who has more to send than fits. Live events go on
    /// meanwhile and have the other half.
    ///
    /// # Errors
    /// [`Gone`]: there is nobody to send to any more.
    pub async fn room(&self) -> Result<(), Gone> {
        loop {
            let drained = self.drained.notified();
            {
                let queue = self.lock();
                if queue.state != State::Open {
                    return Err(Gone);
                }
                if queue.octets <= self.octets_max / 2 {
                    return Ok(());
                }
            }
            drained.await;
        }
    }

    /// Whether there is nobody to send to any more.
    pub fn is_closed(&self) -> bool {
        self.lock().state == State::Closed
    }

    /// Forgets everything, now and from now on.
    pub fn close(&self) {
        let mut queue = self.lock();
        queue.state = State::Closed;
        queue.items = VecDeque::new();
        drop(queue);
        self.drained.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock, and the queue is consistent between any two statements.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection is gone, or about to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// More piled up than the client may leave unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(outbound: &Outbound) -> Result<usize, Overflow> {
        let mut batch = VecDeque::new();
        outbound.take(&mut batch).map(|()| batch.len())
    }

    fn push(outbound: &Outbound, message: &str) {
        outbound.push_event(message.into(), 1, EventId::try_from(37).unwrap());
    }

    #[test]
    fn messages_up_to_the_bound_are_kept_and_written_octets_make_room() {
        let outbound = Outbound::new(10);
        push(&outbound, "12345");
        push(&outbound, "12345");
        assert_eq!(taken(&outbound), Ok(2));
        outbound.written(5);
        push(&outbound, "12345");
        assert_eq!(taken(&outbound), Ok(1));
    }

    #[test]
    fn taken_but_unwritten_octets_still_count() {
        let outbound = Outbound::new(10);
        push(&outbound, "1234567890");
        assert_eq!(taken(&outbound), Ok(1));
        push(&outbound, "1");
        assert_eq!(taken(&outbound), Err(Overflow));
    }

    #[test]
    fn a_closed_queue_keeps_nothing() {
        let outbound = Outbound::new(10);
        outbound.close();
        push(&outbound, "1");
        outbound.push_answer(Answer::Accepted(1));
        assert_eq!(taken(&outbound), Ok(0));
    }
}
