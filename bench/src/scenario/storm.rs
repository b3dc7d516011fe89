//! Thousands lose their connections and come back at once, each with the last event it saw, while others are served.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde::{Deserialize, Serialize};

use super::{Latency, Watch, Work, steady};
use crate::ledger::Faults;
use crate::server::{Ground, Kind};
use crate::stage::{Stage, Way};

/// Chats of those who come back. One more is theirs who stay.
const CHATS: usize = 50;
/// Clients who stay.
const STAYING: usize = 100;
/// Events a second for those who stay.
const LIVE_PER_SECOND: f64 = 100.0;
/// Clients of those who come back that are started at a time, between two looks at those who stay.
const STARTED_AT_ONCE: usize = 32;
/// Events of each chat that those who are away miss.
const MISSED: usize = 5;
/// How long those who stay are watched in calm.
const CALM: Duration = Duration::from_secs(2);
/// Longest wait for all to be back.
const BACK_MAX: Duration = Duration::from_mins(1);

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Storm {
    /// Of whom.
    pub server: Kind,
    /// Clients who came back.
    pub clients: usize,
    /// Until the last one was subscribed and had everything it missed.
    pub all_back_seconds: f64,
    /// Of those who stay, before.
    pub calm: Latency,
    /// And meanwhile.
    pub live: Latency,
    /// The most that the generator was late with publishing one of these events: what it adds to them by itself.
    pub generator_late_micros: f64,
    /// What it cost.
    pub work: Work,
    /// What went wrong.
    pub faults: Faults,
}

/// Measures a whole system on its core.
pub fn run(ground: &Ground, server: Kind, clients: usize) -> anyhow::Result<Storm> {
    let _pinned = ground.pin_generator()?;
    let started = ground.start(server, "0,0")?;
    let mut stage = Stage::empty(started, CHATS + 1)?;
    stage.crowd.have_some_ahead()?;
    let staying = Way {
        is_ahead: true,
        ..Way::default()
    };
    stage.subscribe_in(&[CHATS; STAYING], staying)?;
    let first = stage.crowd.len();
    let chats: Vec<usize> = (0..clients).map(|client| client % CHATS).collect();
    stage.subscribe(&chats)?;
    publish_all(&mut stage, 1)?;

    stage.ledger.record(true);
    steady(&mut stage, LIVE_PER_SECOND, CALM, || CHATS)?;
    stage.drain()?;
    let calm = Latency::of(&stage.ledger.take_latencies());

    for client in first..first + clients {
        stage.ledger.dismiss(client);
        stage.crowd.leave(client);
    }
    publish_all(&mut stage, MISSED)?;
    stage.ledger.take_latencies();

    let watch = Watch::start(&stage.server)?;
    let began = Instant::now();
    let target = stage.crowd.ready() + clients;
    let mut formers = first..first + clients;
    let interval = Duration::from_secs_f64(1.0 / LIVE_PER_SECOND);
    let (mut due, mut late) = (began, Duration::ZERO);
    while !formers.is_empty()
        || stage.crowd.ready() < target
        || !stage.ledger.all_up_to_date(first + clients)
    {
        for former in formers.by_ref().take(STARTED_AT_ONCE) {
            stage.come_back(former)?;
        }
        let now = Instant::now();
        while due <= now {
            late = late.max(now - due);
            due += interval;
            stage.publish(CHATS);
        }
        stage.turn_until(if formers.is_empty() { due } else { now })?;
        if began.elapsed() > BACK_MAX {
            bail!(
                "only {} of {target} clients are there after {BACK_MAX:?}",
                stage.crowd.ready()
            );
        }
    }
    let all_back_seconds = began.elapsed().as_secs_f64();
    let work = watch.read(&stage.server)?;
    stage.drain()?;
    Ok(Storm {
        server,
        clients,
        all_back_seconds,
        calm,
        live: Latency::of(stage.ledger.latencies()),
        generator_late_micros: late.as_secs_f64() * 1e6,
        work,
        faults: stage.faults(),
    })
}

fn publish_all(stage: &mut Stage, times: usize) -> anyhow::Result<()> {
    for chat in (0..CHATS).cycle().take(CHATS * times) {
        stage.publish(chat);
    }
    stage.drain()
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self.work.cpu_seconds.iter();
        let cpu: Vec<String> = cpu
            .map(|(name, seconds)| format!("{name} {seconds:.2}"))
            .collect();
        write!(
            f,
            "{:18} {} back in {:.2} s; live p50 {:.2} ms p99 {:.2} ms max {:.2} ms, in calm {:.2}, {:.2} and {:.2} ms; \
             CPU s: {}, generator {:.2}, late {:.2} ms at most  {}",
            self.server,
            self.clients,
            self.all_back_seconds,
            self.live.p50 / 1e3,
            self.live.p99 / 1e3,
            self.live.max / 1e3,
            self.calm.p50 / 1e3,
            self.calm.p99 / 1e3,
            self.calm.max / 1e3,
            cpu.join(", "),
            self.work.generator_cpu_seconds,
            self.generator_late_micros / 1e3,
            self.faults
        )
    }
}
