//! The bounded queue to one client.
//!
//! Fan-out tasks put events in, command tasks put answers in, the connection's task takes out what one write can
//! carry. One queue for both keeps their order: a RECEIPT for SUBSCRIBE stands before the first event.
//!
//! A connection's task that waits, with nothing left to write, lends the end of its socket that is written to. While
//! nothing is queued, fan-out tasks write live events there themselves, and the task sleeps on.
//!
//! Policy towards the bound: from three quarters of it on, of several typing events of one author in one chat only
//! the last one stays. Memberships are never taken out. At the bound, what waits is dropped and the client is
//! closed as too slow: it can resume from the last event it saw, which is better than an arbitrary hole in the
//! stream. Answers do not count towards the bound; the session bounds them itself, by `commands_in_flight_max`.

mod conflate;
mod delivery;
mod loan;
mod queue;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use shared::id::EventId;
use shared::metric;
use tokio::sync::Notify;

use self::conflate::Conflated;
pub use self::delivery::{Delivery, EventMessage, Outgoing};
pub use self::loan::Account;
use self::loan::Loan;
use self::queue::Queue;
pub use self::queue::{Item, Overflow};
use crate::auth::{Principal, Unproven};
use crate::listener::stream::WriteEnd;
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
    loan: Loan,
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
            loan: Loan::default(),
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
        self.push(|state| state.queue.push_events(delivery, subscription));
    }

    /// Writes events for one of the client's subscriptions if the client's task lets others write and nothing else
    /// waits; otherwise the same as [`Self::push_events`].
    pub fn send_events(&self, delivery: &Arc<Delivery>, subscription: u32, now: Instant) {
        self.push(|state| {
            if !state.queue.is_filled() && state.loan.write(delivery, subscription, now) {
                return Conflated::default();
            }
            let delivery = Arc::clone(delivery);
            state.queue.push_events(delivery, subscription)
        });
    }

    /// Queues an answer.
    pub fn push_answer(&self, answer: Answer) {
        self.push(|state| {
            state.queue.push_answer(answer);
            Conflated::default()
        });
    }

    /// Changes the state, and wakes the connection's task if there is something for it then.
    fn push(&self, push: impl FnOnce(&mut State) -> Conflated) {
        let mut state = self.lock();
        let conflated = push(&mut state);
        let filled = state.is_filled();
        let waiting = state.waiting.take_if(|_| filled);
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        if conflated.events > 0 {
            metrics::counter!(metric::CONFLATED).increment(conflated.events as u64);
        }
    }

    /// Lets others write, until [`Self::take_back`].
    pub fn lend(&self, end: WriteEnd) {
        self.lock().loan.begin(end);
    }

    /// Ends that: hands back what was lent, with what others wrote, which the caller leaves empty.
    pub fn take_back(&self, settle: impl FnOnce(WriteEnd, &mut Account)) {
        if let Some((end, account)) = self.lock().loan.end() {
            settle(end, account);
        }
    }

    /// Waits until there is something to take. Cancel-safe. For one task only.
    pub async fn filled(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.is_filled() {
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

    /// Takes the oldest entries out, about `octets_max` octets of them.
    ///
    /// # Errors
    /// [`Overflow`] once the bound was hit.
    pub fn take(&self, octets_max: usize) -> Result<VecDeque<Item>, Overflow> {
        self.lock().queue.take(octets_max)
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
        let mut state = self.lock();
        state.queue.close();
        state.loan = Loan::default();
        drop(state);
        self.drained.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the queue is consistent between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is something for the connection's task.
    fn is_filled(&self) -> bool {
        self.queue.is_filled() || self.loan.is_called_in()
    }
}

/// The connection is gone, or about to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::listener::stream::Socket;

    /// Far more than the kernel takes of a connection that nobody reads.
    const MORE_THAN_A_SOCKET_TAKES: usize = 32 << 20;

    /// A queue whose client's end is lent, and what is read of it.
    async fn lent() -> (Outbound, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let outbound = Outbound::new(2 * MORE_THAN_A_SOCKET_TAKES);
        let mut socket = Socket::from(accepted.unwrap().0);
        outbound.lend(socket.lend().unwrap());
        (outbound, client.unwrap())
    }

    fn events(id: i64, octets: Vec<u8>) -> Arc<Delivery> {
        Arc::new(Delivery::of(EventMessage {
            octets: octets.into(),
            event: id.try_into().unwrap(),
            typing_of: None,
        }))
    }

    fn queued(outbound: &Outbound) -> usize {
        outbound.take(usize::MAX).unwrap().len()
    }

    #[tokio::test]
    async fn events_are_written_at_once_while_the_end_is_lent_and_queued_afterwards() {
        let (outbound, mut client) = lent().await;
        outbound.send_events(&events(1, b"one".into()), 1, Instant::now());
        let mut heard = [0; 3];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"one");
        assert_eq!(queued(&outbound), 0);
        let mut newest = Vec::new();
        outbound.take_back(|_, account| newest.append(&mut account.newest));
        assert_eq!(newest, [(1, 1.try_into().unwrap())]);
        outbound.send_events(&events(2, b"two".into()), 1, Instant::now());
        assert_eq!(queued(&outbound), 1);
    }

    #[tokio::test]
    async fn what_waits_goes_first() {
        let (outbound, _client) = lent().await;
        outbound.push_answer(Answer::Subscribed(1, Ok(())));
        outbound.send_events(&events(1, b"one".into()), 1, Instant::now());
        assert_eq!(queued(&outbound), 2);
    }

    #[tokio::test]
    async fn what_could_only_be_written_in_part_is_the_task_s_to_finish() {
        let (outbound, mut client) = lent().await;
        let whole = vec![b'x'; MORE_THAN_A_SOCKET_TAKES];
        outbound.send_events(&events(1, whole.clone()), 1, Instant::now());
        outbound.send_events(&events(2, b"next".into()), 1, Instant::now());
        // At once: the task does not wait for the next event.
        outbound.filled().await;
        assert_eq!(queued(&outbound), 1);
        let mut rest = Bytes::new();
        outbound.take_back(|_, account| rest = std::mem::take(&mut account.rest));
        assert!(!rest.is_empty() && rest.len() < whole.len());
        let mut written = vec![0; whole.len() - rest.len()];
        client.read_exact(&mut written).await.unwrap();
        assert_eq!([&written[..], &rest].concat(), whole);
    }

    #[tokio::test]
    async fn nothing_is_written_to_a_client_that_is_gone() {
        let (outbound, mut client) = lent().await;
        outbound.close();
        outbound.send_events(&events(1, b"one".into()), 1, Instant::now());
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"");
        assert!(outbound.is_closed());
    }
}
