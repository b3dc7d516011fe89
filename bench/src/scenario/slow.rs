//! A tenth of the readers stall: what the others notice.
//!
//! All are there all the time; what is compared is how the other nine tenths fare while the tenth reads, and while it
//! does not. Both are measured in turn, several times over, and each in two ways. At a fixed pace, far from what the
//! server can do, for the time that an event takes: with a window, latency is the window's. And one event after the
//! other, for throughput: with more than one on their way, some servers join them and some do not, as it happens, and a
//! run that did is not comparable with one that did not.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{Latency, Watch, flow, steady};
use crate::ledger::{Faults, new_latencies};
use crate::server::{Ground, Kind};
use crate::stage::{Stage, Way};

/// Events a second of the fixed pace.
const EVENTS_PER_SECOND: f64 = 200.0;
/// How often each is measured.
const ROUNDS: u32 = 4;
/// The receive buffer of a client that will stall, in octets.
const STALLING_OCTETS: usize = 4_096;
/// Not measured at the beginning, and after each change.
const WARM_UP: Duration = Duration::from_millis(300);

/// What the healthy readers got.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Healthy {
    /// Deliveries a second, one event after the other.
    pub per_second: f64,
    /// The same per CPU second of all processes of the server.
    pub per_cpu_second_all: f64,
    /// From publishing to reading at the fixed pace, in microseconds.
    pub latency: Latency,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Slow {
    /// Of whom.
    pub server: Kind,
    /// Readers, of which the last tenth stalls.
    pub subscribers: usize,
    /// Nine tenths, while all read.
    pub alone: Healthy,
    /// The same, while the last tenth does not.
    pub with_stalled: Healthy,
    /// What went wrong for the healthy ones.
    pub faults: Faults,
}

/// Measures a server without and with stalled readers, each for so long at the fixed pace and as long for throughput.
pub fn run(
    ground: &Ground,
    server: Kind,
    subscribers: usize,
    length: Duration,
) -> anyhow::Result<Slow> {
    let _pinned = ground.pin_generator()?;
    let stalling = subscribers / 10;
    let started = ground.start(server, "0,0")?;
    let mut stage = Stage::open(started, &[subscribers - stalling])?;
    let (mut alone, mut with_stalled) = (Figures::new(), Figures::new());
    for _ in 0..ROUNDS {
        let first = stage.crowd.len();
        let way = Way {
            receive_octets: Some(STALLING_OCTETS),
            ..Way::default()
        };
        stage.subscribe_in(&vec![0; stalling], way)?;
        for client in first..first + stalling {
            stage.ledger.dismiss(client);
        }
        alone.measure(&mut stage, length / ROUNDS)?;
        for client in first..first + stalling {
            stage.crowd.stall(client)?;
        }
        with_stalled.measure(&mut stage, length / ROUNDS)?;
        for client in first..first + stalling {
            stage.crowd.leave(client);
        }
    }
    Ok(Slow {
        server,
        subscribers,
        alone: alone.sum(),
        with_stalled: with_stalled.sum(),
        faults: stage.faults(),
    })
}

/// The rounds of one kind together.
struct Figures {
    latencies: Histogram<u64>,
    deliveries: u64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Figures {
    fn new() -> Self {
        Self {
            latencies: new_latencies(),
            deliveries: 0,
            seconds: 0.0,
            cpu_seconds: 0.0,
        }
    }

    fn measure(&mut self, stage: &mut Stage, length: Duration) -> anyhow::Result<()> {
        steady(stage, EVENTS_PER_SECOND, WARM_UP, || 0)?;
        stage.drain()?;
        stage.record(true);
        steady(stage, EVENTS_PER_SECOND, length, || 0)?;
        stage.drain()?;
        self.latencies.add(stage.ledger.take_latencies())?;

        let before = stage.ledger.deliveries();
        let watch = Watch::start(&stage.server)?;
        stage.publish(0);
        flow(stage, length)?;
        let work = watch.read(&stage.server)?;
        self.deliveries += stage.ledger.deliveries() - before;
        self.seconds += work.seconds;
        self.cpu_seconds += work.all();
        stage.record(false);
        stage.drain()?;
        stage.ledger.take_latencies();
        Ok(())
    }

    fn sum(&self) -> Healthy {
        Healthy {
            per_second: self.deliveries as f64 / self.seconds,
            per_cpu_second_all: self.deliveries as f64 / self.cpu_seconds,
            latency: Latency::of(&self.latencies),
        }
    }
}

impl fmt::Display for Healthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} k deliveries/s, {:.0} k per CPU s, p50 {:.2} ms p99 {:.2} ms",
            self.per_second / 1e3,
            self.per_cpu_second_all / 1e3,
            self.latency.p50 / 1e3,
            self.latency.p99 / 1e3,
        )
    }
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            subscribers,
            alone,
            with_stalled,
            faults,
        } = self;
        write!(
            f,
            "{server:18} {subscribers} readers; nine tenths while the tenth reads: {alone}; while it stalls: \
             {with_stalled}  {faults}"
        )
    }
}
