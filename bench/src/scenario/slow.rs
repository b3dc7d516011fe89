//! A tenth of the readers stall: what the others notice.
//!
//! Loopback hides about 3 MB for each stalled client in socket buffers, so theirs are made small.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Latency, Watch, Work, flow};
use crate::ledger::Faults;
use crate::server::{Ground, Kind};
use crate::stage::Stage;

/// Events on their way.
const WINDOW: usize = 4;
/// The receive buffer of a client that will stall, in octets.
const STALLED_OCTETS: usize = 4_096;
/// Not measured at the beginning.
const WARM_UP: Duration = Duration::from_millis(500);

/// What the healthy readers got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Healthy {
    /// Deliveries.
    pub deliveries: u64,
    /// Per second.
    pub per_second: f64,
    /// From publishing to reading, in microseconds.
    pub latency: Latency,
    /// What it cost.
    pub work: Work,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Slow {
    /// Of whom.
    pub server: Kind,
    /// Readers, of which the last tenth stalls.
    pub subscribers: usize,
    /// Nine tenths, alone.
    pub alone: Healthy,
    /// The same beside the tenth that stalls.
    pub with_stalled: Healthy,
    /// What went wrong for the healthy ones.
    pub faults: Faults,
}

/// Measures a server without and with stalled readers.
pub fn run(
    ground: &Ground,
    server: Kind,
    subscribers: usize,
    length: Duration,
) -> anyhow::Result<Slow> {
    let _pinned = ground.pin_generator()?;
    let stalled = subscribers / 10;
    let started = ground.start(server, "0,0")?;
    let mut stage = Stage::open(started, &[subscribers - stalled])?;
    for _ in 0..WINDOW {
        stage.publish(0);
    }
    flow(&mut stage, WARM_UP)?;
    let alone = measure(&mut stage, length)?;
    stage.drain()?;

    let first = stage.crowd.len();
    let target = stage.crowd.ready() + stalled;
    for _ in 0..stalled {
        stage.start(0, None, Some(STALLED_OCTETS))?;
    }
    while stage.crowd.ready() < target {
        stage.turn()?;
    }
    for client in first..first + stalled {
        stage.crowd.stall(client)?;
        stage.ledger.dismiss(client);
    }
    for _ in 0..WINDOW {
        stage.publish(0);
    }
    let with_stalled = measure(&mut stage, length)?;
    stage.drain()?;
    Ok(Slow {
        server,
        subscribers,
        alone,
        with_stalled,
        faults: stage.faults(),
    })
}

fn measure(stage: &mut Stage, length: Duration) -> anyhow::Result<Healthy> {
    let before = stage.ledger.deliveries();
    stage.record(true);
    let watch = Watch::start(&stage.server)?;
    flow(stage, length)?;
    let work = watch.read(&stage.server)?;
    stage.record(false);
    let deliveries = stage.ledger.deliveries() - before;
    Ok(Healthy {
        deliveries,
        per_second: deliveries as f64 / work.seconds,
        latency: Latency::of(&stage.ledger.take_latencies()),
        work,
    })
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            alone,
            with_stalled,
            ..
        } = self;
        write!(
            f,
            "{:18} {} readers, a tenth stalls: {:.0} deliveries/s to the others, {:.0} without it; p99 {:.2} ms, {:.2} \
             ms without  {}",
            self.server,
            self.subscribers,
            with_stalled.per_second,
            alone.per_second,
            with_stalled.latency.p99 / 1e3,
            alone.latency.p99 / 1e3,
            self.faults
        )
    }
}
