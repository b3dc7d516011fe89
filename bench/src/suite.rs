//! Everything and everybody in one run of some minutes, and the report on it.
//!
//! What is compared is measured in turn, several times over, so that whatever else the machine does meanwhile falls
//! on all alike; the report takes the median of each.

mod part;

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use self::part::Part;

use crate::machine;
use crate::report;
use crate::scenario::commands::Commands;
use crate::scenario::fanout::{Fanout, Load, Shape};
use crate::scenario::idle::Idle;
use crate::scenario::insert::Insert;
use crate::scenario::slow::Slow;
use crate::scenario::storm::Storm;
use crate::scenario::typing::Typing;
use crate::server::Ground;

/// The shapes of the table of targets.
pub const SHAPES: [Shape; 5] = [
    shape(1, 1_000, 1),
    shape(1, 1_000, 16),
    shape(1, 5_000, 16),
    shape(100, 50, 4),
    shape(100, 50, 32),
];

/// Subscribers of one chat, growing.
pub const SUBSCRIBERS: [usize; 5] = [100, 300, 1_000, 3_000, 10_000];
/// Chats of one subscriber, growing.
pub const CHATS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

const fn shape(chats: usize, subscribers: usize, window: usize) -> Shape {
    Shape {
        chats,
        subscribers,
        load: Load::Window(window),
    }
}

/// All that was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// The machine.
    pub machine: String,
    /// How long it all took.
    pub seconds: f64,
    /// Fan-out at [`SHAPES`], several rounds.
    pub fanout: Vec<Fanout>,
    /// Fan-out with growing [`SUBSCRIBERS`].
    pub by_subscribers: Vec<Fanout>,
    /// Fan-out with growing [`CHATS`], as fast as it goes.
    pub by_chats: Vec<Fanout>,
    /// The same at a pace.
    pub by_chats_paced: Vec<Fanout>,
    /// Idle connections.
    pub idle: Vec<Idle>,
    /// Commands.
    pub commands: Vec<Commands>,
    /// Raw inserts.
    pub insert: Vec<Insert>,
    /// The storm.
    pub storm: Vec<Storm>,
    /// Stalled readers.
    pub slow: Vec<Slow>,
    /// Bursts.
    pub typing: Vec<Typing>,
    /// Peers that are not installed.
    pub absent: Vec<String>,
    /// What could not be measured, and why.
    pub failed: Vec<String>,
}

/// Measures, and writes `report.md`, `report.svg` and `results.json` into `out`. Given `parts`, what is found there of
/// the others stays in the report. Returns whether all was clean.
pub fn run(
    ground: &Ground,
    out: &Path,
    parts: &[Part],
    say: &dyn Fn(&str),
) -> anyhow::Result<bool> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot write to {}", out.display()))?;
    let file = out.join("results.json");
    let began = Instant::now();
    let mut results = match std::fs::read(&file) {
        Ok(earlier) if !parts.is_empty() => serde_json::from_slice(&earlier)
            .with_context(|| format!("{} is of another version", file.display()))?,
        _ => Results::default(),
    };
    results.machine = machine::description();
    let parts = match parts {
        [] => Part::value_variants(),
        some => some,
    };
    for part in parts {
        part.measure(ground, &mut results, say);
    }
    results.seconds += began.elapsed().as_secs_f64();
    std::fs::write(&file, serde_json::to_vec_pretty(&results)?)?;
    std::fs::write(out.join("report.md"), report::markdown(&results))?;
    report::curves(&results, &out.join("report.svg"))?;
    say(&report::markdown(&results));
    Ok(report::faulty(&results).is_empty() && results.failed.is_empty())
}
