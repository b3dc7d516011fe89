//! Clients that are there and hear nothing: what a connection costs to make and to keep.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Watch, Work};
use crate::ledger::Faults;
use crate::machine::{KernelMemory, Usage};
use crate::server::{Ground, Kind};
use crate::stage::Stage;

/// Clients that come before those measured, so that what a server makes once is not counted per connection.
const EARLY: usize = 100;
/// Events that each client gets before it is left alone.
const EVENTS: usize = 3;
/// Clients of a chat.
const PER_CHAT: usize = 100;
/// Heart-beats both ways, in milliseconds, as browsers' libraries ask for.
const HEART_BEAT: &str = "10000,10000";
/// How often each client shows that it lives: safely within what it promised.
const BEAT_INTERVAL: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Idle {
    /// Of whom.
    pub server: Kind,
    /// Connections measured.
    pub connections: usize,
    /// CPU time of the server's processes for each connection made and subscribed, in microseconds.
    pub connect_cpu_micros: f64,
    /// Connections made and subscribed per second.
    pub connects_per_second: f64,
    /// Octets that the process that serves clients grew by for each: its share of resident memory.
    pub pss_octets: f64,
    /// The same of all processes of the server.
    pub pss_octets_all: f64,
    /// Octets that kernel objects and socket buffers grew by for each, both ends of the connection together.
    pub kernel_octets: f64,
    /// CPU time for keeping ten thousand of them for a second, in milliseconds.
    pub keep_cpu_millis: f64,
    /// While they were made.
    pub connecting: Work,
    /// While they were kept.
    pub keeping: Work,
    /// What went wrong.
    pub faults: Faults,
}

/// Measures a server with so many connections, kept for a while.
pub fn run(
    ground: &Ground,
    server: Kind,
    connections: usize,
    keep: Duration,
) -> anyhow::Result<Idle> {
    let _pinned = ground.pin_generator()?;
    let started = ground.start(server, HEART_BEAT)?;
    let chats = (EARLY + connections).div_ceil(PER_CHAT);
    let mut stage = Stage::empty(started, chats)?;
    let of_client: Vec<usize> = (0..EARLY + connections)
        .map(|client| client % chats)
        .collect();
    stage.subscribe(&of_client[..EARLY])?;
    let (before, kernel_before) = (stage.server.usages()?, KernelMemory::now()?);

    let watch = Watch::start(&stage.server)?;
    stage.subscribe(&of_client[EARLY..])?;
    let connecting = watch.read(&stage.server)?;

    for _ in 0..EVENTS {
        for chat in 0..chats {
            stage.publish(chat);
        }
        stage.drain()?;
    }
    let watch = Watch::start(&stage.server)?;
    hold(&mut stage, keep)?;
    let keeping = watch.read(&stage.server)?;
    let (after, kernel) = (stage.server.usages()?, KernelMemory::now()? - kernel_before);

    let grown: Vec<Usage> = before
        .iter()
        .zip(&after)
        .map(|((_, before), (_, after))| *after - *before)
        .collect();
    let each = |octets: u64| octets as f64 / connections as f64;
    Ok(Idle {
        server,
        connections,
        connect_cpu_micros: connecting.all() * 1e6 / connections as f64,
        connects_per_second: connections as f64 / connecting.seconds,
        pss_octets: each(grown[0].pss),
        pss_octets_all: each(grown.iter().map(|part| part.pss).sum()),
        kernel_octets: each(kernel.tcp_buffers + kernel.slab),
        keep_cpu_millis: keeping.all() / keeping.seconds / connections as f64 * 1e7,
        connecting,
        keeping,
        faults: stage.faults(),
    })
}

/// Keeps the clients alive for a while.
fn hold(stage: &mut Stage, length: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + length;
    let mut beat = Instant::now();
    while Instant::now() < end {
        if Instant::now() >= beat {
            beat += BEAT_INTERVAL;
            stage.crowd.beat();
        }
        stage.turn_until(end.min(beat))?;
    }
    Ok(())
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:16} {} connections: {:.2} KiB each ({:.2} with all parts, kernel {:.2} for both ends), \
             connect + subscribe {:.0} µs CPU, {:.0} a second; keeping 10,000 for a second {:.1} ms CPU  {}",
            self.server,
            self.connections,
            self.pss_octets / 1024.0,
            self.pss_octets_all / 1024.0,
            self.kernel_octets / 1024.0,
            self.connect_cpu_micros,
            self.connects_per_second,
            self.keep_cpu_millis,
            self.faults,
        )
    }
}
