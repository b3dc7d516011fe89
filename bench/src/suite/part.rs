//! What is measured in which part, and what becomes of a measurement that fails.

use std::fmt::{self, Display};
use std::time::Duration;

use clap::ValueEnum;

use super::{CHATS, Results, SHAPES, SUBSCRIBERS, shape};
use crate::scenario::commands::{self, Commands, Pace};
use crate::scenario::fanout::{self, Fanout, Lengths, Load, Shape};
use crate::scenario::insert::{self, Insert};
use crate::scenario::{idle, slow, storm, typing};
use crate::server::{Absent, Ground, Kind};

/// How often the closest comparisons are repeated: on a machine that others use too, single rounds differ by a fifth.
const ROUNDS: usize = 5;
const LENGTHS: Lengths = Lengths {
    warm_up: Duration::from_millis(500),
    measured: Duration::from_millis(1_200),
};
/// At a pace, little happens in a second.
const PACED: Lengths = Lengths {
    warm_up: Duration::from_millis(500),
    measured: Duration::from_secs(3),
};
/// For everything else.
const LENGTH: Duration = Duration::from_secs(3);
/// Longer than the heart-beat interval.
const KEEP: Duration = Duration::from_secs(11);

/// Events on their way while subscribers grow.
const SUBSCRIBERS_WINDOW: usize = 4;
/// Events on their way while chats grow.
const CHATS_IN_TURN: usize = 100;
/// Events a second while chats grow: so few that each is on its way alone, in one chat as in many.
const CHATS_PER_SECOND: u32 = 2_000;

/// A share of the whole, of some minutes. What a figure is compared with is in the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Fan-out to one chat of a thousand, by everybody.
    Single,
    /// Fan-out to one chat of five thousand, by everybody.
    Wide,
    /// Fan-out to a hundred chats, by everybody.
    Many,
    /// Growing subscribers, and growing chats.
    Growth,
    /// Idle connections.
    Idle,
    /// Commands through whole systems, raw inserts, and the Spring application.
    Pipeline,
    /// A storm, stalled readers, bursts.
    Trouble,
}

impl Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.to_possible_value().expect("no part is hidden");
        f.write_str(name.get_name())
    }
}

impl Part {
    /// Measures it anew.
    pub(super) fn measure(self, ground: &Ground, results: &mut Results, say: &dyn Fn(&str)) {
        let Results {
            fanout,
            by_subscribers,
            by_chats,
            by_chats_paced,
            idle,
            commands,
            insert,
            storm,
            slow,
            typing,
            absent,
            failed,
            ..
        } = results;
        failed.retain(|text| !text.starts_with(&format!("{self}: ")));
        let mut keep = Keeper {
            part: self,
            say,
            absent,
            failed,
        };
        let [w1, w16, wide, many, deep] = SHAPES;
        match self {
            Self::Single => keep.fan_out(ground, &[w1, w16], fanout),
            Self::Wide => keep.fan_out(ground, &[wide], fanout),
            Self::Many => keep.fan_out(ground, &[many, deep], fanout),
            Self::Growth => {
                by_subscribers.clear();
                by_chats.clear();
                by_chats_paced.clear();
                for server in [Kind::Limit, Kind::LimitCoalescing, Kind::Gateway] {
                    keep.grow(ground, server, growing_subscribers(), by_subscribers);
                    let fast = growing_chats(Load::InTurn(CHATS_IN_TURN));
                    keep.grow(ground, server, fast, by_chats);
                    let paced = growing_chats(Load::PerSecond(CHATS_PER_SECOND));
                    keep.grow(ground, server, paced, by_chats_paced);
                }
            }
            Self::Idle => {
                idle.clear();
                for (server, connections) in [
                    (Kind::Limit, 5_000),
                    (Kind::Gateway, 5_000),
                    (Kind::Nats, 5_000),
                    (Kind::Centrifugo, 5_000),
                    (Kind::Rabbitmq, 1_000),
                ] {
                    let measure = || idle::run(ground, server, connections, KEEP);
                    keep.result(server, idle, measure);
                }
            }
            Self::Pipeline => {
                commands.clear();
                insert.clear();
                keep.pipelines(ground, commands, insert);
            }
            Self::Trouble => {
                storm.clear();
                slow.clear();
                typing.clear();
                let (whole, part) = (Kind::PipelineSqlite, Kind::Gateway);
                for _ in 0..ROUNDS {
                    keep.result(whole, storm, || storm::run(ground, whole, 5_000));
                }
                keep.result(part, slow, || slow::run(ground, part, 1_000, LENGTH));
                let bursts = || typing::run(ground, part, 500, 5_000, LENGTH);
                keep.result(part, typing, bursts);
            }
        }
    }
}

fn growing_subscribers() -> impl Iterator<Item = Shape> {
    SUBSCRIBERS
        .into_iter()
        .map(|subscribers| shape(1, subscribers, SUBSCRIBERS_WINDOW))
}

fn growing_chats(load: Load) -> impl Iterator<Item = Shape> {
    CHATS.into_iter().map(move |chats| Shape {
        chats,
        subscribers: 1,
        load,
    })
}

/// Keeps results, and goes on after failures.
struct Keeper<'a> {
    part: Part,
    say: &'a dyn Fn(&str),
    absent: &'a mut Vec<String>,
    failed: &'a mut Vec<String>,
}

impl Keeper<'_> {
    fn fan_out(&mut self, ground: &Ground, shapes: &[Shape], runs: &mut Vec<Fanout>) {
        runs.retain(|run| !shapes.contains(&run.shape));
        for shape in shapes {
            let ours = [Kind::Limit, Kind::LimitCoalescing, Kind::Gateway];
            let peers = [Kind::Nats, Kind::Rabbitmq, Kind::Centrifugo];
            for server in ours.repeat(ROUNDS).into_iter().chain(peers) {
                let measure = || fanout::run(ground, server, *shape, LENGTHS);
                self.result(server, runs, measure);
            }
        }
    }

    fn grow(
        &mut self,
        ground: &Ground,
        server: Kind,
        shapes: impl Iterator<Item = Shape>,
        runs: &mut Vec<Fanout>,
    ) {
        for shape in shapes {
            let lengths = match shape.load {
                Load::PerSecond(_) => PACED,
                Load::Window(_) | Load::InTurn(_) => LENGTHS,
            };
            self.result(server, runs, || fanout::run(ground, server, shape, lengths));
        }
    }

    fn pipelines(
        &mut self,
        ground: &Ground,
        commands: &mut Vec<Commands>,
        insert: &mut Vec<Insert>,
    ) {
        for server in [Kind::PipelinePostgres, Kind::PipelineSqlite].repeat(ROUNDS) {
            for pace in [Pace::Mix(64), Pace::Window(16), Pace::PerSecond(1_000)] {
                let measure = || commands::run(ground, server, pace, LENGTH);
                self.result(server, commands, measure);
            }
            self.result(server, insert, || insert::run(ground, server, LENGTH));
        }
        let (server, pace) = (Kind::Spring, Pace::Window(16));
        let measure = || commands::run(ground, server, pace, LENGTH);
        self.result(server, commands, measure);
    }

    fn result<T: Display>(
        &mut self,
        server: Kind,
        kept: &mut Vec<T>,
        measure: impl FnOnce() -> anyhow::Result<T>,
    ) {
        match measure() {
            Ok(result) => {
                (self.say)(&result.to_string());
                self.absent
                    .retain(|text| !text.starts_with(&format!("{server}: ")));
                kept.push(result);
            }
            Err(error) if error.is::<Absent>() => {
                note(self.say, self.absent, format!("{server}: {error:#}"));
            }
            Err(error) => {
                let text = format!("{}: {server}: {error:#}", self.part);
                note(self.say, self.failed, text);
            }
        }
    }
}

/// Says what could not be measured, and keeps it for the report, once.
fn note(say: &dyn Fn(&str), list: &mut Vec<String>, text: String) {
    say(&text);
    if !list.contains(&text) {
        list.push(text);
    }
}
