//! What came of a deploy under load: what was broken, and when the clients went and came back.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::traveller::{Close, Journey, hint};
use crate::evidence::Stored;
use crate::program::Report;

/// Troubles quoted of each kind of report; one broken thing troubles many clients.
const QUOTED_MAX: usize = 10;
/// Width of the longest bar, in characters.
const BAR: usize = 40;

/// A process that was replaced.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Which.
    pub name: String,
    /// Where clients found it, if it was a gateway.
    pub gateway: Option<SocketAddr>,
    /// When it was asked to stop.
    pub begun: Instant,
    /// How long it took until it had ended.
    pub took: Duration,
}

/// All of it.
#[derive(Debug)]
pub struct Outcome {
    /// Every process, in order.
    pub stops: Vec<Stop>,
    /// From the first stop to the last process that was ready again.
    pub took: Duration,
    /// What each client has to tell.
    pub journeys: Vec<Journey>,
    /// What the database holds, by chat and id.
    pub stored: Vec<Stored>,
}

impl Outcome {
    /// Every promise that was broken.
    pub fn violations(&self) -> Vec<String> {
        let mut chats: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for event in &self.stored {
            chats.entry(event.chat).or_default().push(event.id);
        }
        let mut violations = Vec::new();
        for journey in &self.journeys {
            violations.extend(journey.troubles.iter().cloned());
            let closes = journey.closes.iter();
            violations.extend(closes.filter_map(unannounced));
            let stored = chats.get(&journey.chat).map(Vec::as_slice);
            // Those that were subscribed before the first event see all; the others from where they came in.
            let stored = stored.unwrap_or_default();
            // The end of somebody's typing may be stored after the table was read, and be seen by some.
            let read = stored.last().copied().unwrap_or_default();
            let later = journey.seen.iter().rev();
            let later = later.take_while(|id| **id > read).count();
            let seen = &journey.seen[..journey.seen.len() - later];
            let from = stored.len().saturating_sub(seen.len());
            if seen.is_empty() || *seen != stored[from..] {
                violations.push(format!(
                    "in chat {} a client saw {} of {} events, or in another order",
                    journey.chat,
                    journey.seen.len(),
                    stored.len()
                ));
            }
        }
        // Events of no traveller's command are the ends of typing that gateways ask for when a session ends.
        let stored: Vec<_> = self.stored.iter().map(|event| event.command).collect();
        for command in self.journeys.iter().flat_map(|journey| &journey.receipts) {
            let times = stored.iter().filter(|stored| *stored == command).count();
            if times != 1 {
                violations.push(format!(
                    "{command} has a RECEIPT and is stored {times} times"
                ));
            }
        }
        violations
    }

    /// The closes of a gateway, by client.
    pub fn closes_of(&self, gateway: SocketAddr) -> impl Iterator<Item = &Close> {
        let closes = self.journeys.iter().flat_map(|journey| &journey.closes);
        closes.filter(move |close| close.gateway == gateway)
    }
}

/// What is wrong with a close, if anything.
fn unannounced(close: &Close) -> Option<String> {
    let announced = close.code == 1012
        && close.reason.starts_with("going away")
        && hint(&close.reason).is_some();
    (!announced).then(|| format!("closed with {} {:?}", close.code, close.reason))
}

/// How many moments fall into each second.
fn by_second(moments: impl Iterator<Item = Duration>) -> Vec<usize> {
    let mut counts = Vec::new();
    for moment in moments {
        let second = usize::try_from(moment.as_secs()).unwrap_or(usize::MAX);
        if counts.len() <= second {
            counts.resize(second + 1, 0);
        }
        counts[second] += 1;
    }
    counts
}

impl Report for Outcome {
    fn is_clean(&self) -> bool {
        self.violations().is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let receipts = self.journeys.iter().map(|journey| journey.receipts.len());
        let receipts: usize = receipts.sum();
        let seen: usize = self.journeys.iter().map(|journey| journey.seen.len()).sum();
        writeln!(
            f,
            "{} clients, {receipts} commands with a RECEIPT, {} events stored, {seen} delivered; everything replaced in {:.1} s",
            self.journeys.len(),
            self.stored.len(),
            self.took.as_secs_f64()
        )?;
        for stop in &self.stops {
            write!(
                f,
                "\n{}: ended after {:.1} s",
                stop.name,
                stop.took.as_secs_f64()
            )?;
            let Some(gateway) = stop.gateway else {
                continue;
            };
            let closed = by_second(self.closes_of(gateway).map(|close| close.at - stop.begun));
            let back = by_second(self.closes_of(gateway).map(|close| close.back - stop.begun));
            let away = self.closes_of(gateway).map(|close| close.back - close.at);
            let away = away.max().unwrap_or_default();
            writeln!(f, ", longest absence {:.2} s", away.as_secs_f64())?;
            let most = closed.iter().chain(&back).copied().max().unwrap_or(1);
            writeln!(f, "second  closed  back")?;
            for second in 0..closed.len().max(back.len()) {
                let at = |counts: &[usize]| counts.get(second).copied().unwrap_or_default();
                let bar = "#".repeat(at(&back) * BAR / most.max(1));
                writeln!(f, "{second:6}  {:6}  {:4}  {bar}", at(&closed), at(&back))?;
            }
        }
        let violations = self.violations();
        writeln!(f, "\nviolations: {}", violations.len())?;
        for violation in violations.iter().take(QUOTED_MAX) {
            writeln!(f, "  {violation}")?;
        }
        Ok(())
    }
}
