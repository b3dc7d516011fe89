//! The end of a client's socket that is written to, while the client's task has lent it to whoever has events.
//!
//! A task that waits is woken for each event it writes: its turn in the run queue, its state and its session through the
//! caches, for one system call. Whoever has the event can make that call as well, as long as nothing else waits to be
//! said. What the session would have taken note of is kept in an account until its task wakes for another reason.

use std::io;
use std::time::Instant;

use bytes::Bytes;
use shared::id::EventId;

use super::Delivery;
use crate::listener::stream::WriteEnd;

/// What is written to.
pub(super) trait Written {
    /// Writes as much as is taken at once.
    fn try_write(&self, octets: &[u8]) -> io::Result<usize>;
}

impl Written for WriteEnd {
    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        Self::try_write(self, octets)
    }
}

/// What was written to a lent end.
#[derive(Debug, Default)]
pub struct Account {
    /// The newest event of each subscription for which there was one.
    pub newest: Vec<(u32, EventId)>,
    /// When the last one was written.
    pub last: Option<Instant>,
    /// What is left of the last one, if only a part of it could be written.
    pub rest: Bytes,
}

/// The loan.
#[derive(Debug)]
pub(super) struct Loan<W = WriteEnd> {
    end: Option<W>,
    account: Account,
}

impl<W> Default for Loan<W> {
    fn default() -> Self {
        Self {
            end: None,
            account: Account::default(),
        }
    }
}

impl<W: Written> Loan<W> {
    pub(super) fn begin(&mut self, end: W) {
        self.end = Some(end);
    }

    /// Ends the loan; the account is settled by the caller, who leaves it empty.
    pub(super) fn end(&mut self) -> Option<(W, &mut Account)> {
        Some((self.end.take()?, &mut self.account))
    }

    /// Whether the owner has to see to it: what others began, only it can finish.
    pub(super) fn is_called_in(&self) -> bool {
        !self.account.rest.is_empty()
    }

    /// Writes events for one subscription. Whether that was begun; if not, nothing has happened.
    pub(super) fn write(&mut self, delivery: &Delivery, subscription: u32, now: Instant) -> bool {
        let Some(end) = self.end.as_ref().filter(|_| !self.is_called_in()) else {
            return false;
        };
        // What keeps it from being written, the owner finds out as well, and can wait for it or end the session.
        let Ok(written @ 1..) = end.try_write(delivery.octets()) else {
            return false;
        };
        let account = &mut self.account;
        account.rest = delivery.octets().slice(written..);
        account.last = Some(now);
        let mut known = account.newest.iter_mut();
        match known.find(|(number, _)| *number == subscription) {
            Some((_, newest)) => *newest = delivery.newest(),
            None => {
                // Most sessions have one or two subscriptions.
                account.newest.reserve_exact(1);
                account.newest.push((subscription, delivery.newest()));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::io::ErrorKind;

    use super::*;
    use crate::outbound::EventMessage;

    /// Takes so many octets, and nothing beyond them.
    #[derive(Debug, Default)]
    struct Socket {
        room: Cell<usize>,
        octets: RefCell<Vec<u8>>,
    }

    impl Written for Socket {
        fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
            let taken = octets.len().min(self.room.get());
            if taken == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room.set(self.room.get() - taken);
            self.octets.borrow_mut().extend(&octets[..taken]);
            Ok(taken)
        }
    }

    fn lent(room: usize) -> Loan<Socket> {
        let mut loan = Loan::default();
        loan.begin(Socket {
            room: Cell::new(room),
            ..Socket::default()
        });
        loan
    }

    fn delivery(id: i64, octets: &'static str) -> Delivery {
        Delivery::of(EventMessage {
            octets: Bytes::from_static(octets.as_bytes()),
            event: event(id),
            typing_of: None,
        })
    }

    fn event(id: i64) -> EventId {
        id.try_into().unwrap()
    }

    #[test]
    fn what_is_not_lent_is_not_written_to() {
        let mut loan = Loan::<Socket>::default();
        assert!(!loan.write(&delivery(1, "one"), 1, Instant::now()));
        assert!(loan.end().is_none());
    }

    #[test]
    fn the_account_has_the_newest_event_of_each_subscription_and_the_last_time() {
        let (mut loan, now) = (lent(100), Instant::now());
        for (id, subscription) in [(1, 7), (2, 7), (3, 8), (4, 7)] {
            assert!(loan.write(&delivery(id, "event"), subscription, now));
        }
        assert!(!loan.is_called_in());
        let (socket, account) = loan.end().unwrap();
        assert_eq!(socket.octets.take(), b"event".repeat(4));
        assert_eq!(account.newest, [(7, event(4)), (8, event(3))]);
        assert_eq!(account.last, Some(now));
        assert!(account.rest.is_empty());
    }

    #[test]
    fn a_full_socket_leaves_the_account_as_it_was() {
        let mut loan = lent(0);
        assert!(!loan.write(&delivery(1, "one"), 1, Instant::now()));
        assert!(!loan.is_called_in());
        let (_, account) = loan.end().unwrap();
        assert!(account.newest.is_empty() && account.last.is_none());
    }

    #[test]
    fn nothing_is_written_behind_the_part_of_a_message() {
        let mut loan = lent(8);
        assert!(loan.write(&delivery(1, "first"), 1, Instant::now()));
        assert!(loan.write(&delivery(2, "second"), 1, Instant::now()));
        assert!(loan.is_called_in());
        loan.end.as_ref().unwrap().room.set(100);
        assert!(!loan.write(&delivery(3, "third"), 1, Instant::now()));
        let (socket, account) = loan.end().unwrap();
        assert_eq!(socket.octets.take(), b"firstsec");
        assert_eq!(account.rest, "ond");
        // Begun is as good as sent: it may be acknowledged.
        assert_eq!(account.newest, [(1, event(2))]);
    }
}
