//! Open transactions: what waits for COMMIT (STOMP 1.2, "BEGIN").
//!
//! A transaction holds SEND, ACK and NACK frames that were found well-formed. COMMIT lets them happen in order,
//! as if they came then; it is no database transaction, and each SEND has its own outcome. ABORT and the end of
//! the session drop them, without RECEIPT, since nothing became of them.

use std::collections::HashMap;

use super::limits::SessionLimits;
use super::send::SendRequest;
use crate::stomp::error::Violation;

/// Something put off until COMMIT.
#[derive(Debug)]
pub(super) enum Step {
    /// A SEND.
    Send(SendRequest),
    /// A frame of which only its receipt is left to do: ACK, NACK, and COMMIT itself as the last step.
    Receipt(Option<String>),
}

impl Step {
    fn octets(&self) -> usize {
        let owned = match self {
            Self::Send(send) => send.octets(),
            Self::Receipt(receipt) => receipt.as_ref().map_or(0, String::len),
        };
        size_of::<Self>() + owned
    }
}

/// The open ones, by the client's name for them.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: HashMap<String, Vec<Step>>,
    /// Of all steps.
    octets: usize,
}

impl Transactions {
    pub(super) fn begin(&mut self, id: &str, limits: &SessionLimits) -> Result<(), Violation> {
        if self.open.contains_key(id) {
            return Err(Violation::DuplicateTransaction);
        }
        if self.open.len() >= limits.transactions_max {
            let max = limits.transactions_max;
            return Err(Violation::TooManyTransactions { max });
        }
        self.open.insert(id.to_owned(), Vec::new());
        Ok(())
    }

    pub(super) fn add(
        &mut self,
        id: &str,
        step: Step,
        limits: &SessionLimits,
    ) -> Result<(), Violation> {
        let steps = self.open.get_mut(id).ok_or(Violation::UnknownTransaction)?;
        if steps.len() >= limits.transaction_frames_max {
            let max = limits.transaction_frames_max;
            return Err(Violation::TransactionTooLong { max });
        }
        self.octets += step.octets();
        if self.octets > limits.transaction_octets_max {
            let octets_max = limits.transaction_octets_max;
            return Err(Violation::TransactionTooLarge { octets_max });
        }
        steps.push(step);
        Ok(())
    }

    /// Ends a transaction and hands out what it held, for COMMIT to carry out or for ABORT to drop.
    pub(super) fn end(&mut self, id: &str) -> Result<Vec<Step>, Violation> {
        let steps = self.open.remove(id).ok_or(Violation::UnknownTransaction)?;
        self.octets -= steps.iter().map(Step::octets).sum::<usize>();
        Ok(steps)
    }
}
