//! What is measured.

pub mod commands;
pub mod fanout;
pub mod idle;
pub mod insert;
pub mod slow;
pub mod storm;
pub mod typing;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::machine::{self, Usage};
use crate::server::Server;
use crate::stage::Stage;

/// What the processes of a server used over a while, and this one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    /// How long the while was.
    pub seconds: f64,
    /// CPU seconds of each process of the server, the one that serves clients first.
    pub cpu_seconds: Vec<(String, f64)>,
    /// CPU seconds of the generator: near the length of the while, it is the generator that was measured.
    pub generator_cpu_seconds: f64,
}

impl Work {
    /// Of the process that serves clients.
    pub fn front(&self) -> f64 {
        self.cpu_seconds[0].1
    }

    /// Of all processes of the server.
    pub fn all(&self) -> f64 {
        self.cpu_seconds.iter().map(|(_, seconds)| seconds).sum()
    }
}

/// Measures [`Work`] from its making on.
pub struct Watch {
    started: Instant,
    usages: Vec<(&'static str, Usage)>,
    own: Duration,
}

impl Watch {
    /// Begins.
    pub fn start(server: &Server) -> anyhow::Result<Self> {
        Ok(Self {
            usages: server.usages()?,
            own: own_cpu()?,
            started: Instant::now(),
        })
    }

    /// What was used since.
    pub fn read(&self, server: &Server) -> anyhow::Result<Work> {
        let seconds = self.started.elapsed().as_secs_f64();
        let now = server.usages()?;
        let parts = self.usages.iter().zip(now);
        Ok(Work {
            seconds,
            cpu_seconds: parts
                .map(|((name, before), (_, after))| {
                    ((*name).to_owned(), (after - *before).cpu.as_secs_f64())
                })
                .collect(),
            generator_cpu_seconds: (own_cpu()?.saturating_sub(self.own)).as_secs_f64(),
        })
    }
}

fn own_cpu() -> anyhow::Result<Duration> {
    machine::cpu(i32::try_from(std::process::id())?)
}

/// Latencies in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Latency {
    /// Half are shorter.
    pub p50: f64,
    /// Nine in ten are.
    pub p90: f64,
    /// All but one in a hundred.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    /// Of a histogram of nanoseconds.
    pub fn of(nanos: &hdrhistogram::Histogram<u64>) -> Self {
        let at = |quantile| nanos.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: nanos.max() as f64 / 1e3,
        }
    }
}

/// Publishes at a steady pace for a while, in the chats that `next` names.
pub(crate) fn steady(
    stage: &mut Stage,
    per_second: f64,
    length: Duration,
    mut next: impl FnMut() -> usize,
) -> anyhow::Result<()> {
    let (start, interval) = (Instant::now(), Duration::from_secs_f64(1.0 / per_second));
    let mut due = start;
    while due < start + length {
        while due <= Instant::now() {
            let chat = next();
            stage.publish(chat);
            due += interval;
        }
        stage.turn_until(due)?;
    }
    Ok(())
}

/// Publishes the next event of a chat whenever one has reached everybody, for a while.
pub(crate) fn flow(stage: &mut Stage, length: Duration) -> anyhow::Result<()> {
    flow_through(stage, length, |chat| chat)
}

/// The same, but `next` says in which chat.
pub(crate) fn flow_through(
    stage: &mut Stage,
    length: Duration,
    mut next: impl FnMut(usize) -> usize,
) -> anyhow::Result<()> {
    let end = Instant::now() + length;
    let mut completed = Vec::new();
    while Instant::now() < end {
        stage.turn_until(end)?;
        stage.ledger.take_completed(&mut completed);
        for chat in &completed {
            stage.publish(next(*chat));
        }
    }
    Ok(())
}
