//! The RECEIPTs that sending clients wait for: each comes once, in the order asked, and is timed.

use std::collections::VecDeque;
use std::time::Instant;

use hdrhistogram::Histogram;

use crate::dialect::receipt;
use crate::ledger::{Faults, new_latencies, record_since};

/// What sending clients wait for.
#[derive(Debug)]
pub struct Receipts {
    /// By client; who never sends has an empty line.
    waiting: Vec<VecDeque<(u64, Instant)>>,
    latencies: Histogram<u64>,
    recording: bool,
    received: u64,
    disordered: u64,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            waiting: Vec::new(),
            latencies: new_latencies(),
            recording: false,
            received: 0,
            disordered: 0,
        }
    }
}

impl Receipts {
    /// A client asks for the receipt with this number.
    pub fn ask(&mut self, client: usize, number: u64, now: Instant) {
        if self.waiting.len() <= client {
            self.waiting.resize_with(client + 1, VecDeque::new);
        }
        self.waiting[client].push_back((number, now));
    }

    /// A client got a message that is no event.
    pub fn heard(&mut self, client: usize, message: &[u8], now: Instant) {
        let Some(number) = receipt(message) else {
            return;
        };
        let asked = self.waiting.get_mut(client).and_then(VecDeque::pop_front);
        match asked {
            Some((wanted, since)) if wanted == number => {
                if self.recording {
                    self.received += 1;
                    record_since(&mut self.latencies, since, now);
                }
            }
            _ => self.disordered += 1,
        }
    }

    /// Begins to count and time, or stops.
    pub fn record(&mut self, on: bool) {
        self.recording = on;
    }

    /// Receipts counted while recording.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Latencies recorded, in nanoseconds.
    pub fn latencies(&self) -> &Histogram<u64> {
        &self.latencies
    }

    /// Whether nobody waits for one.
    pub fn is_quiet(&self) -> bool {
        self.waiting.iter().all(VecDeque::is_empty)
    }

    /// Adds what went wrong; nothing more will come.
    pub fn add_faults(&self, faults: &mut Faults) {
        faults.lost += self.waiting.iter().map(VecDeque::len).sum::<usize>() as u64;
        faults.disordered += self.disordered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_out_of_turn_and_one_that_never_comes_are_faults() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        for number in 1..=3 {
            receipts.ask(7, number, now);
        }
        receipts.heard(7, b"RECEIPT\nreceipt-id:1\n\n\0", now);
        receipts.heard(7, b"RECEIPT\nreceipt-id:3\n\n\0", now);
        receipts.heard(7, b"\n", now);
        let mut faults = Faults::default();
        receipts.add_faults(&mut faults);
        assert_eq!((faults.lost, faults.disordered), (1, 1));
        assert!(!receipts.is_quiet());
    }
}
