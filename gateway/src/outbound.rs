//! The bounded queue to one client.
//!
//! Fan-out tasks put events in, command tasks put answers in, the connection's task takes out what one write can
//! carry. One queue for both keeps their order: a RECEIPT for SUBSCRIBE stands before the first event.
//!
//! Policy towards the bound: from three quarters of it on, of several typing events of one author in one chat only
//! the last one stays. Memberships are never taken out. At the bound, what waits is dropped and the client is
//! closed as too slow: it can resume from the last event it saw, which is better than an arbitrary hole in the
//! stream. Answers do not count towards the bound; the session bounds them itself, by `commands_in_flight_max`.

mod conflate;
mod delivery;
mod queue;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use shared::id::EventId;
use shared::metric;
use tokio::sync::Notify;

pub use self::delivery::{Delivery, EventMessage, Outgoing};
use self::queue::Queue;
pub use self::queue::{Item, Overflow};
use crate::auth::{Principal, Unproven};
use crate::refusal::Refusal;

/// Something for the session to react to.
#[derive(Debug)]
pub enum Answer {
    /// The subscription with this number is established, or refused.
    Subscribed(u32, Result<(), Refusal>),
    /// The subscription with this number has ended: its events are not for this client any more.
    Ended(u32, Refusal),
    /// Whose token it is, or why that is not known.
    Authenticated(Result<Principal, Unproven>),
    /// The command with this ticket is settled.
    Outcome(u64, Result<EventId, Refusal>),
}

/// The queue; shared by whoever has something for the client.
#[derive(Debug)]
pub struct Outbound {
    state: Mutex<State>,
    drained: Notify,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// The connection's task, while it waits for something to take. There is only one, so that a waker under the
    /// lock that is taken anyway does what a `Notify` would do with a lock of its own.
    waiting: Option<Waker>,
    /// Somebody waits for room.
    awaited: bool,
}

impl Outbound {
    /// An empty queue for at most `octets_max` octets of events.
    pub fn new(octets_max: usize) -> Self {
        let state = State {
            queue: Queue::new(octets_max),
            waiting: None,
            awaited: false,
        };
        Self {
            state: Mutex::new(state),
            drained: Notify::new(),
        }
    }

    /// Queues events for one of the client's subscriptions. At the bound, everything waiting is dropped instead and
    /// [`Self::take`] says so.
    pub fn push_events(&self, delivery: Arc<Delivery>, subscription: u32) {
        let conflated = self.push(|queue| queue.push_events(delivery, subscription));
        if conflated.events > 0 {
            metrics::counter!(metric::CONFLATED).increment(conflated.events as u64);
        }
    }

    /// Queues an answer.
    pub fn push_answer(&self, answer: Answer) {
        self.push(|queue| queue.push_answer(answer));
    }

    fn push<R>(&self, push: impl FnOnce(&mut Queue) -> R) -> R {
        let mut state = self.lock();
        let result = push(&mut state.queue);
        let filled = state.queue.is_filled();
        let waiting = state.waiting.take_if(|_| filled);
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        result
    }

    /// Waits until there is something to take. Cancel-safe. For one task only.
    pub async fn filled(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.queue.is_filled() {
                return Poll::Ready(());
            }
            match &mut state.waiting {
                Some(waiting) => waiting.clone_from(context.waker()),
                waiting => *waiting = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await;
    }

    /// Takes the oldest entries out, about `octets_max` octets of them, and into `items`, which is empty.
    ///
    /// # Errors
    /// [`Overflow`] once the bound was hit.
    pub fn take(&self, octets_max: usize, items: &mut VecDeque<Item>) -> Result<(), Overflow> {
        self.lock().queue.take(octets_max, items)
    }

    /// Says that so many octets of events taken out before were written.
    pub fn written(&self, octets: usize) {
        let mut state = self.lock();
        state.queue.written(octets);
        let awaited = std::mem::take(&mut state.awaited);
        drop(state);
        if awaited {
            self.drained.notify_waiters();
        }
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
                let mut state = self.lock();
                match state.queue.has_room() {
                    None => return Err(Gone),
                    Some(true) => return Ok(()),
                    Some(false) => state.awaited = true,
                }
            }
            drained.await;
        }
    }

    /// Octets of events that wait, or are being written.
    pub fn octets(&self) -> usize {
        self.lock().queue.octets()
    }

    /// Whether there is nobody to send to any more.
    pub fn is_closed(&self) -> bool {
        self.lock().queue.is_closed()
    }

    /// Forgets everything, now and from now on.
    pub fn close(&self) {
        self.lock().queue.close();
        self.drained.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the queue is consistent between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection is gone, or about to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;
