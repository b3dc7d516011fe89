//! Everything and everybody in one run of some minutes, and the report on it.
//!
//! What is compared is measured in turn, several times over, so that whatever else the machine does meanwhile falls
//! on all alike; the report takes the median of each.

use std::fmt::Display;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use crate::machine;
use crate::report;
use crate::scenario::commands::{self, Commands, Pace};
use crate::scenario::fanout::{self, Fanout, Lengths, Shape};
use crate::scenario::idle::{self, Idle};
use crate::scenario::insert::{self, Insert};
use crate::scenario::slow::{self, Slow};
use crate::scenario::storm::{self, Storm};
use crate::scenario::typing::{self, Typing};
use crate::server::{Absent, Ground, Kind};

/// How often the closest comparisons are repeated.
const ROUNDS: usize = 3;
const LENGTHS: Lengths = Lengths {
    warm_up: Duration::from_millis(500),
    measured: Duration::from_millis(1_500),
};
/// For everything else.
const LENGTH: Duration = Duration::from_secs(3);
/// Longer than the heart-beat interval.
const KEEP: Duration = Duration::from_secs(11);

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
/// Events on their way while they do.
const SUBSCRIBERS_WINDOW: usize = 4;
/// Chats of one subscriber, growing.
pub const CHATS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Events on their way while they do.
const CHATS_IN_TURN: usize = 100;

const fn shape(chats: usize, subscribers: usize, window: usize) -> Shape {
    Shape {
        chats,
        subscribers,
        window,
        in_turn: None,
    }
}

/// All that was measured.
#[derive(Debug, Default, Serialize)]
pub struct Results {
    /// The machine.
    pub machine: String,
    /// How long it all took.
    pub seconds: f64,
    /// Fan-out at [`SHAPES`], several rounds.
    pub fanout: Vec<Fanout>,
    /// Fan-out with growing [`SUBSCRIBERS`].
    pub by_subscribers: Vec<Fanout>,
    /// Fan-out with growing [`CHATS`].
    pub by_chats: Vec<Fanout>,
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

/// Measures, and writes `report.md`, `report.svg` and `results.json` into `out`. Returns whether all was clean.
pub fn run(ground: &Ground, out: &Path, say: &dyn Fn(&str)) -> anyhow::Result<bool> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot write to {}", out.display()))?;
    let began = Instant::now();
    let mut results = Results {
        machine: machine::description(),
        ..Results::default()
    };
    measure(ground, &mut results, say);
    results.seconds = began.elapsed().as_secs_f64();
    std::fs::write(
        out.join("results.json"),
        serde_json::to_vec_pretty(&results)?,
    )?;
    std::fs::write(out.join("report.md"), report::markdown(&results))?;
    report::curves(&results, &out.join("report.svg"))?;
    say(&report::markdown(&results));
    Ok(report::faulty(&results).is_empty() && results.failed.is_empty())
}

fn measure(ground: &Ground, results: &mut Results, say: &dyn Fn(&str)) {
    let Results {
        fanout,
        by_subscribers,
        by_chats,
        absent,
        failed,
        ..
    } = results;
    let mut keep = Keeper {
        say,
        absent,
        failed,
    };
    for shape in SHAPES {
        for _ in 0..ROUNDS {
            for server in [Kind::Limit, Kind::LimitCoalescing, Kind::Gateway] {
                keep.result(server, fanout, || {
                    fanout::run(ground, server, shape, LENGTHS)
                });
            }
        }
        for server in [Kind::Nats, Kind::Rabbitmq, Kind::Centrifugo] {
            keep.result(server, fanout, || {
                fanout::run(ground, server, shape, LENGTHS)
            });
        }
    }
    for server in [Kind::Limit, Kind::Gateway] {
        for subscribers in SUBSCRIBERS {
            let shape = shape(1, subscribers, SUBSCRIBERS_WINDOW);
            keep.result(server, by_subscribers, || {
                fanout::run(ground, server, shape, LENGTHS)
            });
        }
        for chats in CHATS {
            let shape = Shape {
                in_turn: Some(CHATS_IN_TURN),
                ..shape(chats, 1, 1)
            };
            keep.result(server, by_chats, || {
                fanout::run(ground, server, shape, LENGTHS)
            });
        }
    }
    for (server, connections) in [
        (Kind::Limit, 5_000),
        (Kind::Gateway, 5_000),
        (Kind::Nats, 5_000),
        (Kind::Centrifugo, 5_000),
        (Kind::Rabbitmq, 1_000),
    ] {
        keep.result(server, &mut results.idle, || {
            idle::run(ground, server, connections, KEEP)
        });
    }
    for server in [Kind::PipelinePostgres, Kind::PipelineSqlite] {
        for pace in [Pace::Mix(64), Pace::Window(16), Pace::PerSecond(1_000)] {
            keep.result(server, &mut results.commands, || {
                commands::run(ground, server, pace, LENGTH)
            });
        }
        keep.result(server, &mut results.insert, || {
            insert::run(ground, server, LENGTH)
        });
    }
    let pace = Pace::Window(16);
    keep.result(Kind::Spring, &mut results.commands, || {
        commands::run(ground, Kind::Spring, pace, LENGTH)
    });
    let server = Kind::PipelineSqlite;
    keep.result(server, &mut results.storm, || {
        storm::run(ground, server, 5_000)
    });
    let server = Kind::Gateway;
    keep.result(server, &mut results.slow, || {
        slow::run(ground, server, 1_000, LENGTH)
    });
    keep.result(server, &mut results.typing, || {
        typing::run(ground, server, 500, 5_000, LENGTH)
    });
}

/// Keeps results, and goes on after failures.
struct Keeper<'a> {
    say: &'a dyn Fn(&str),
    absent: &'a mut Vec<String>,
    failed: &'a mut Vec<String>,
}

impl Keeper<'_> {
    fn result<T: Display>(
        &mut self,
        server: Kind,
        kept: &mut Vec<T>,
        measure: impl FnOnce() -> anyhow::Result<T>,
    ) {
        match measure() {
            Ok(result) => {
                (self.say)(&result.to_string());
                kept.push(result);
            }
            Err(error) => {
                let text = format!("{server}: {error:#}");
                (self.say)(&text);
                let list = if error.is::<Absent>() {
                    &mut *self.absent
                } else {
                    &mut *self.failed
                };
                if !list.contains(&text) {
                    list.push(text);
                }
            }
        }
    }
}
