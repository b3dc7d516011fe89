//! Clients that SEND commands through the whole system and wait for RECEIPT and event.
//!
//! Each chat has one client that sends and one that is subscribed.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{Latency, Watch, Work, flow, steady};
use crate::feed::{FeedSpec, Wording};
use crate::ledger::{Faults, new_latencies, record_since};
use crate::server::{Ground, Kind};
use crate::stage::Stage;

/// Chats, each with a sender. The system has as many chats as there are countries, which is more.
const CHATS: usize = 64;
/// Not measured at the beginning.
const WARM_UP: Duration = Duration::from_secs(1);
/// Synced writes that tell how fast the disk is.
const SYNCS: usize = 200;

/// How commands are sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// So many JOINs of each chat on their way, with receipts.
    Window(usize),
    /// So many JOINs a second of all chats together, with receipts.
    PerSecond(u32),
    /// So many commands of each chat on their way, of all four kinds, without receipts.
    Mix(usize),
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Commands {
    /// Of whom.
    pub server: Kind,
    /// How.
    pub pace: Pace,
    /// Events delivered, one for each command, per second.
    pub per_second: f64,
    /// Receipts counted.
    pub receipts: u64,
    /// SEND to RECEIPT, in microseconds.
    pub receipt: Latency,
    /// SEND to the event, in microseconds.
    pub delivery: Latency,
    /// A small synced write on the same disk just before, in microseconds.
    pub fdatasync: Latency,
    /// What it cost.
    pub work: Work,
    /// What went wrong.
    pub faults: Faults,
}

/// Measures a whole system on all cores; the generator shares them.
pub fn run(
    ground: &Ground,
    server: Kind,
    pace: Pace,
    length: Duration,
) -> anyhow::Result<Commands> {
    let fdatasync = fdatasync(ground)?;
    let mut started = ground.start_anywhere(server, "0,0")?;
    if matches!(pace, Pace::Mix(_)) {
        started.feed = FeedSpec::Sessions(Wording::Mix);
    }
    let mut stage = Stage::open(started, &[1; CHATS])?;
    if let Pace::Window(window) | Pace::Mix(window) = pace {
        for chat in (0..CHATS).cycle().take(CHATS * window) {
            stage.publish(chat);
        }
    }
    play(&mut stage, pace, WARM_UP)?;
    stage.record(true);
    let watch = Watch::start(&stage.server)?;
    play(&mut stage, pace, length)?;
    let work = watch.read(&stage.server)?;
    stage.record(false);
    stage.drain()?;
    Ok(Commands {
        server,
        pace,
        per_second: stage.ledger.deliveries() as f64 / work.seconds,
        receipts: stage.receipts.received(),
        receipt: Latency::of(stage.receipts.latencies()),
        delivery: Latency::of(stage.ledger.latencies()),
        fdatasync,
        work,
        faults: stage.faults(),
    })
}

fn play(stage: &mut Stage, pace: Pace, length: Duration) -> anyhow::Result<()> {
    match pace {
        Pace::Window(_) | Pace::Mix(_) => flow(stage, length),
        Pace::PerSecond(rate) => {
            let mut chats = (0..CHATS).cycle();
            steady(stage, rate.into(), length, || {
                chats.next().expect("a cycle has no end")
            })
        }
    }
}

/// How long the disk takes for what every commit waits for.
fn fdatasync(ground: &Ground) -> anyhow::Result<Latency> {
    let mut latencies: Histogram<u64> = new_latencies();
    let mut file = File::create(ground.folder().join("fdatasync"))?;
    for _ in 0..SYNCS {
        let since = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        record_since(&mut latencies, since, Instant::now());
    }
    Ok(Latency::of(&latencies))
}

impl fmt::Display for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:18} {:?}: {:.0} events/s; SEND to RECEIPT p50 {:.2} p99 {:.2} ms, to delivery p50 {:.2} p99 {:.2} ms, \
             fdatasync p99 {:.2} ms; CPU",
            self.server,
            self.pace,
            self.per_second,
            self.receipt.p50 / 1e3,
            self.receipt.p99 / 1e3,
            self.delivery.p50 / 1e3,
            self.delivery.p99 / 1e3,
            self.fdatasync.p99 / 1e3,
        )?;
        for (name, seconds) in &self.work.cpu_seconds {
            write!(f, " {name} {:.0} %", 100.0 * seconds / self.work.seconds)?;
        }
        let own = 100.0 * self.work.generator_cpu_seconds / self.work.seconds;
        write!(f, " generator {own:.0} %  {}", self.faults)
    }
}
