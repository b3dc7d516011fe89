//! Many chats of very different size, in which people write in bursts: what a day looks like.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Latency, Watch, Work, steady};
use crate::ledger::Faults;
use crate::server::{Ground, Kind};
use crate::stage::Stage;

/// Events a second of all chats together.
const PER_SECOND: f64 = 400.0;
/// Events that follow each other in one chat before another has its turn.
const BURST: usize = 4;
/// Not measured at the beginning.
const WARM_UP: Duration = Duration::from_millis(500);

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Typing {
    /// Of whom.
    pub server: Kind,
    /// Chats.
    pub chats: usize,
    /// Clients of all of them.
    pub clients: usize,
    /// Clients of the largest.
    pub largest: usize,
    /// Deliveries while it was measured.
    pub deliveries: u64,
    /// From publishing to reading, in microseconds.
    pub latency: Latency,
    /// What it cost.
    pub work: Work,
    /// What went wrong.
    pub faults: Faults,
}

/// Measures a server with chats whose sizes follow Zipf's law: the n-th largest has an n-th of the largest's clients.
pub fn run(
    ground: &Ground,
    server: Kind,
    chats: usize,
    clients: usize,
    length: Duration,
) -> anyhow::Result<Typing> {
    let _pinned = ground.pin_generator()?;
    let sizes = zipf(chats, clients);
    let mut stage = Stage::open(ground.start(server, "0,0")?, &sizes)?;
    // Large chats hear more often, as each of their members writes.
    let speakers: Vec<usize> = sizes
        .iter()
        .enumerate()
        .flat_map(|(chat, size)| std::iter::repeat_n(chat, *size))
        .collect();
    // Strides through the list in steps that share no factor with most lengths: all sizes in turn, and the same in
    // every run.
    let mut turn = 0;
    let mut next = move || {
        let speaker = turn / BURST * 7_919 % speakers.len();
        turn += 1;
        speakers[speaker]
    };
    steady(&mut stage, PER_SECOND, WARM_UP, &mut next)?;
    stage.record(true);
    let watch = Watch::start(&stage.server)?;
    steady(&mut stage, PER_SECOND, length, &mut next)?;
    let work = watch.read(&stage.server)?;
    stage.drain()?;
    Ok(Typing {
        server,
        chats,
        clients: sizes.iter().sum(),
        largest: sizes[0],
        deliveries: stage.ledger.deliveries(),
        latency: Latency::of(stage.ledger.latencies()),
        work,
        faults: stage.faults(),
    })
}

fn zipf(chats: usize, clients: usize) -> Vec<usize> {
    let shares: f64 = (1..=chats).map(|rank| 1.0 / rank as f64).sum();
    let share = |rank: usize| clients as f64 / shares / rank as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of clients"
    )]
    (1..=chats)
        .map(|rank| (share(rank) as usize).max(1))
        .collect()
}

impl fmt::Display for Typing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:18} {} chats, {} clients, the largest chat {}: {} deliveries, p50 {:.2} ms p99 {:.2} ms, {:.0} % CPU  {}",
            self.server,
            self.chats,
            self.clients,
            self.largest,
            self.deliveries,
            self.latency.p50 / 1e3,
            self.latency.p99 / 1e3,
            100.0 * self.work.all() / self.work.seconds,
            self.faults
        )
    }
}
