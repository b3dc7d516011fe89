//! Chats with subscribers; each chat's publisher keeps a number of events on their way.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Latency, Watch, Work, flow, flow_through, steady};
use crate::ledger::Faults;
use crate::server::{Ground, Kind};
use crate::stage::Stage;

/// How many of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Chats.
    pub chats: usize,
    /// Subscribers of each.
    pub subscribers: usize,
    /// When an event is published.
    pub load: Load,
}

/// When an event is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Load {
    /// So many are on their way in each chat: as fast as they are delivered.
    Window(usize),
    /// So many in all chats together, which take turns.
    InTurn(usize),
    /// So many a second in all chats together, which take turns.
    PerSecond(u32),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            chats, subscribers, ..
        } = self;
        match self.load {
            Load::Window(window) => f.pad(&format!("{chats} × {subscribers} w{window}")),
            Load::InTurn(events) => f.pad(&format!("{chats} × {subscribers}, {events} in turn")),
            Load::PerSecond(events) => f.pad(&format!("{chats} × {subscribers}, {events}/s")),
        }
    }
}

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Not measured.
    pub warm_up: Duration,
    /// Measured.
    pub measured: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fanout {
    /// Of whom.
    pub server: Kind,
    /// At what.
    pub shape: Shape,
    /// Deliveries while it was measured.
    pub deliveries: u64,
    /// Per second of time.
    pub per_second: f64,
    /// Per CPU second of the process that serves clients.
    pub per_cpu_second: f64,
    /// Per CPU second of all processes of the server.
    pub per_cpu_second_all: f64,
    /// From publishing to reading, in microseconds.
    pub latency: Latency,
    /// Share of resident memory of the process that serves clients, at the end, in octets.
    pub pss_octets: u64,
    /// What it cost.
    pub work: Work,
    /// What went wrong.
    pub faults: Faults,
}

/// Measures a server at a shape.
pub fn run(
    ground: &Ground,
    server: Kind,
    shape: Shape,
    lengths: Lengths,
) -> anyhow::Result<Fanout> {
    let _pinned = ground.pin_generator()?;
    let started = ground.start(server, "0,0")?;
    let mut stage = Stage::open(started, &vec![shape.subscribers; shape.chats])?;
    let mut chats = (0..shape.chats).cycle();
    let at_once = match shape.load {
        Load::Window(window) => shape.chats * window,
        Load::InTurn(events) => events,
        Load::PerSecond(_) => 0,
    };
    for chat in chats.by_ref().take(at_once) {
        stage.publish(chat);
    }
    let mut keep_up = |stage: &mut Stage, length| {
        let mut next = || chats.next().expect("a cycle has no end");
        match shape.load {
            Load::Window(_) => flow(stage, length),
            Load::InTurn(_) => flow_through(stage, length, |_| next()),
            Load::PerSecond(events) => steady(stage, f64::from(events), length, next),
        }
    };
    keep_up(&mut stage, lengths.warm_up)?;
    stage.record(true);
    let watch = Watch::start(&stage.server)?;
    keep_up(&mut stage, lengths.measured)?;
    let work = watch.read(&stage.server)?;
    stage.record(false);
    stage.drain()?;
    let deliveries = stage.ledger.deliveries();
    Ok(Fanout {
        server,
        shape,
        deliveries,
        per_second: deliveries as f64 / work.seconds,
        per_cpu_second: deliveries as f64 / work.front(),
        per_cpu_second_all: deliveries as f64 / work.all(),
        latency: Latency::of(stage.ledger.latencies()),
        pss_octets: stage.server.usages()?[0].1.pss,
        work,
        faults: stage.faults(),
    })
}

impl fmt::Display for Fanout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency { p50, p99, .. } = self.latency;
        write!(
            f,
            "{:16} {:14} {:>9.0} deliveries/s  {:>9.0} per CPU s ({:.0} with all parts)  p50 {:.2} ms p99 {:.2} ms  \
             generator busy {:.0} %  {}",
            self.server,
            self.shape,
            self.per_second,
            self.per_cpu_second,
            self.per_cpu_second_all,
            p50 / 1e3,
            p99 / 1e3,
            100.0 * self.work.generator_cpu_seconds / self.work.seconds,
            self.faults,
        )
    }
}
