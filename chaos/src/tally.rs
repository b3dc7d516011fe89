//! What all clients and faults count together, and the journal of what happened when.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::violation::Violation;

/// Most violations kept; one broken thing breaks many promises, and the first tell the most.
const VIOLATIONS_MAX: usize = 1_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Count {
    /// Commands, repetitions not counted.
    Commands,
    /// Commands sent without waiting for the answer to the one before.
    InBursts,
    /// Commands that got their RECEIPT.
    Receipts,
    /// Commands repeated with their idempotency-key because their outcome was unknown.
    Repetitions,
    /// Commands repeated although their outcome was known.
    Checks,
    /// SIGKILLs.
    Kills,
    /// SIGSTOPs.
    Stops,
    /// SIGTERMs.
    Restarts,
    /// Times that all connections of a link were cut.
    Cuts,
    /// Times that a link passed nothing on.
    Holds,
    /// Sessions opened after the first of each client.
    Reconnects,
    /// Subscriptions made with a last-event-id.
    Resumes,
    /// Events that came in answer to a last-event-id.
    Resumed,
    /// Events delivered.
    Deliveries,
}

/// Shared by everybody.
#[derive(Debug)]
pub struct Tally {
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    counts: BTreeMap<Count, u64>,
    refusals: BTreeMap<&'static str, u64>,
    violations: Vec<Violation>,
    silence: Option<Silence>,
    journal: File,
}

/// How long nobody got anything, while the load lasts.
#[derive(Debug, Clone, Copy)]
struct Silence {
    since: Instant,
    longest: Duration,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// By what.
    pub counts: BTreeMap<Count, u64>,
    /// By code, each attempt of a command that got it.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Found while the clients were at work.
    pub violations: Vec<Violation>,
    /// Longest time without any delivery to anybody, during the load.
    pub silence: Duration,
}

impl Tally {
    /// Counts from now on; the journal goes to this file.
    pub fn new(journal: &Path) -> std::io::Result<Self> {
        Ok(Self {
            begun: Instant::now(),
            state: Mutex::new(State {
                counts: BTreeMap::new(),
                refusals: BTreeMap::new(),
                violations: Vec::new(),
                silence: None,
                journal: File::create(journal)?,
            }),
        })
    }

    /// One more.
    pub fn count(&self, what: Count) {
        *self.lock().counts.entry(what).or_default() += 1;
    }

    /// A refusal.
    pub fn refused(&self, code: &'static str) {
        *self.lock().refusals.entry(code).or_default() += 1;
    }

    /// Somebody got an event.
    pub fn delivered(&self) {
        let mut state = self.lock();
        *state.counts.entry(Count::Deliveries).or_default() += 1;
        if let Some(silence) = &mut state.silence {
            let now = Instant::now();
            silence.longest = silence.longest.max(now - silence.since);
            silence.since = now;
        }
    }

    /// From now on silence counts.
    pub fn load_begins(&self) {
        self.lock().silence = Some(Silence {
            since: Instant::now(),
            longest: Duration::ZERO,
        });
    }

    /// Silence does not count any more. Returns the longest.
    pub fn load_ends(&self) -> Duration {
        let silence = self.lock().silence.take();
        silence.map_or(Duration::ZERO, |silence| {
            silence.longest.max(silence.since.elapsed())
        })
    }

    /// A promise was broken.
    pub fn violated(&self, violation: Violation) {
        self.note(&format_args!("VIOLATION {violation}"));
        let mut state = self.lock();
        if state.violations.len() < VIOLATIONS_MAX {
            state.violations.push(violation);
        }
    }

    /// A line of the journal, with the seconds since the beginning.
    pub fn note(&self, what: &dyn fmt::Display) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let now = shared::clock::now();
        // A full disk is no violation.
        let _ = writeln!(self.lock().journal, "{now} {seconds:8.3} {what}");
    }

    /// What was counted until now.
    pub fn totals(&self) -> Totals {
        let state = self.lock();
        Totals {
            counts: state.counts.clone(),
            refusals: state.refusals.clone(),
            violations: state.violations.clone(),
            silence: Duration::ZERO,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
