//! The table of targets: what must be, what would be good, what was reached.

use super::{at, median, put_line};
use crate::scenario::commands::{Commands, Pace};
use crate::scenario::fanout::{Fanout, Load, Shape};
use crate::scenario::storm::Storm;
use crate::server::Kind;
use crate::suite::{Results, SHAPES};

/// What counts as flat.
const FLAT: f64 = 0.9;

/// One line of the table.
struct Target {
    what: String,
    must: f64,
    aim: f64,
    /// Whether less is better.
    less: bool,
    reached: Option<f64>,
}

/// Appends the table.
pub(super) fn put(results: &Results, out: &mut String) {
    put_line(
        out,
        "| what | must | aim | reached | |\n| --- | ---: | ---: | ---: | --- |",
    );
    for target in fanout(results)
        .into_iter()
        .chain(peers(results))
        .chain(others(results))
        .chain(growth(results))
    {
        let Target {
            what,
            must,
            aim,
            less,
            reached,
        } = target;
        let sign = if less { "≤" } else { "≥" };
        let meets = |bound: f64, figure: f64| {
            if less {
                figure <= bound
            } else {
                figure >= bound
            }
        };
        let (figure, verdict) = match reached {
            None => ("–".to_owned(), "not measured"),
            Some(figure) if meets(aim, figure) => (format!("{figure:.2}"), "aim reached"),
            Some(figure) if meets(must, figure) => (format!("{figure:.2}"), "must reached"),
            Some(figure) => (format!("{figure:.2}"), "**missed**"),
        };
        put_line(
            out,
            &format!("| {what} | {sign} {must} | {sign} {aim} | {figure} | {verdict} |"),
        );
    }
}

fn at_least(what: impl Into<String>, must: f64, aim: f64, reached: Option<f64>) -> Target {
    Target {
        what: what.into(),
        must,
        aim,
        less: false,
        reached,
    }
}

fn at_most(what: impl Into<String>, must: f64, aim: f64, reached: Option<f64>) -> Target {
    Target {
        less: true,
        ..at_least(what, must, aim, reached)
    }
}

fn cpu(run: &Fanout) -> f64 {
    run.per_cpu_second_all
}

fn ratio(
    results: &Results,
    server: Kind,
    to: Kind,
    shape: Shape,
    figure: fn(&Fanout) -> f64,
) -> Option<f64> {
    Some(at(results, server, shape, figure)? / at(results, to, shape, figure)?)
}

fn fanout(results: &Results) -> Vec<Target> {
    let [w1, w16, wide, many, deep] = SHAPES;
    let to = |limit, shape| ratio(results, Kind::Gateway, limit, shape, cpu);
    let p99 = ratio(results, Kind::Gateway, Kind::Limit, many, |run| {
        run.latency.p99
    });
    vec![
        at_least(
            format!("{w1} to the bare limit"),
            0.70,
            0.90,
            to(Kind::Limit, w1),
        ),
        at_least(
            format!("{w16} to the coalescing limit"),
            0.55,
            0.85,
            to(Kind::LimitCoalescing, w16),
        ),
        at_least(
            format!("{w16} to nats-server"),
            1.0,
            1.0,
            to(Kind::Nats, w16),
        ),
        at_least(
            format!("{wide} to the coalescing limit"),
            0.55,
            0.85,
            to(Kind::LimitCoalescing, wide),
        ),
        at_least(
            format!("{wide} to nats-server"),
            1.0,
            1.0,
            to(Kind::Nats, wide),
        ),
        at_least(
            format!("{many} to the limit"),
            0.65,
            0.85,
            to(Kind::Limit, many),
        ),
        at_most(format!("{many}, p99 to the limit's"), 3.0, 1.5, p99),
        at_least(
            format!("{deep} to the coalescing limit"),
            0.50,
            0.85,
            to(Kind::LimitCoalescing, deep),
        ),
    ]
}

fn peers(results: &Results) -> Vec<Target> {
    let rabbit = SHAPES.map(|shape| {
        let reached = ratio(results, Kind::Gateway, Kind::Rabbitmq, shape, cpu);
        let aim = if shape.load == Load::Window(16) {
            60.0
        } else {
            8.0
        };
        at_least(format!("{shape} to RabbitMQ"), 5.0, aim, reached)
    });
    let joins = |server| carried_out(results, server, Pace::Window(16), |run| run.per_second);
    let spring = joins(Kind::PipelinePostgres)
        .zip(joins(Kind::Spring))
        .map(|(ours, theirs)| ours / theirs);
    let mut targets = Vec::from(rabbit);
    targets.push(at_least(
        "receipted JOINs to the Spring application",
        10.0,
        25.0,
        spring,
    ));
    targets
}

fn others(results: &Results) -> Vec<Target> {
    let idle = results.idle.iter().find(|run| run.server == Kind::Gateway);
    let storm = |figure: fn(&Storm) -> f64| median(results.storm.iter().map(figure));
    let slow = results.slow.first();
    let steady = |figure: fn(&Commands) -> f64| {
        let pace = Pace::PerSecond(1_000);
        carried_out(results, Kind::PipelinePostgres, pace, figure)
    };
    let mut targets = vec![
        at_most(
            "idle connection, KiB",
            6.0,
            2.5,
            idle.map(|run| run.pss_octets / 1_024.0),
        ),
        at_most(
            "connect + subscribe, µs CPU",
            120.0,
            70.0,
            idle.map(|run| run.connect_cpu_micros),
        ),
        at_most(
            "storm: all back, s",
            1.5,
            0.8,
            storm(|run| run.all_back_seconds),
        ),
        at_most(
            "storm: live p99 to that in calm",
            2.0,
            2.0,
            storm(|run| run.live.p99 / run.calm.p99),
        ),
        at_most(
            "1,000 events/s, SEND to delivery p50, ms",
            2.0,
            1.2,
            steady(|run| run.delivery.p50 / 1e3),
        ),
        at_most(
            "the same, p99, ms",
            10.0,
            10.0,
            steady(|run| run.delivery.p99 / 1e3),
        ),
        at_most(
            "the disk meanwhile: fdatasync p99, ms",
            2.0,
            2.0,
            steady(|run| run.fdatasync.p99 / 1e3),
        ),
        at_least(
            "healthy readers' throughput beside stalled ones",
            0.90,
            0.97,
            slow.map(|run| run.with_stalled.per_second / run.alone.per_second),
        ),
        at_most(
            "healthy readers' p99 beside stalled ones",
            1.10,
            1.03,
            slow.map(|run| run.with_stalled.latency.p99 / run.alone.latency.p99),
        ),
    ];
    for (server, name, must) in [
        (Kind::PipelinePostgres, "PostgreSQL", 30.0),
        (Kind::PipelineSqlite, "SQLite", 25.0),
    ] {
        let reached = carried_out(results, server, Pace::Mix(64), |run| run.per_second);
        let raw = results.insert.iter().filter(|run| run.server == server);
        let raw = median(raw.map(|run| run.per_second));
        targets.push(at_least(
            format!("whole pipeline over {name}, thousand events/s"),
            must,
            40.0,
            reached.map(|reached| reached / 1e3),
        ));
        targets.push(at_least(
            format!("the same to raw inserts, {name}"),
            0.30,
            0.40,
            reached.zip(raw).map(|(reached, raw)| reached / raw),
        ));
    }
    targets
}

/// What is left of the ratio to the bare limit when there is much more of something: without what the machine itself
/// takes away.
fn growth(results: &Results) -> Vec<Target> {
    let left = |runs: &[Fanout], is_few: fn(&Shape) -> bool, is_many: fn(&Shape) -> bool| {
        let to_limit = |is_it: fn(&Shape) -> bool| {
            let of = |server| {
                let run = runs
                    .iter()
                    .find(|run| run.server == server && is_it(&run.shape));
                run.map(cpu)
            };
            Some(of(Kind::Gateway)? / of(Kind::Limit)?)
        };
        Some(to_limit(is_many)? / to_limit(is_few)?)
    };
    let subscribers = left(
        &results.by_subscribers,
        |shape| shape.subscribers == 100,
        |shape| shape.subscribers == 10_000,
    );
    let one_chat: fn(&Shape) -> bool = |shape| shape.chats == 1;
    let many_chats: fn(&Shape) -> bool = |shape| shape.chats == 10_000;
    vec![
        at_least(
            "10,000 chats to 1, at a pace, of the ratio to the limit",
            FLAT,
            1.0,
            left(&results.by_chats_paced, one_chat, many_chats),
        ),
        at_least(
            "10,000 subscribers to 100, of the ratio to the limit",
            FLAT,
            1.0,
            subscribers,
        ),
        at_least(
            "10,000 chats to 1, as fast as it goes, of the ratio to the limit",
            FLAT,
            1.0,
            left(&results.by_chats, one_chat, many_chats),
        ),
    ]
}

/// The median over rounds of one figure of commands.
fn carried_out(
    results: &Results,
    server: Kind,
    pace: Pace,
    figure: impl Fn(&Commands) -> f64,
) -> Option<f64> {
    let runs = results.commands.iter();
    let rounds = runs.filter(|run| run.server == server && run.pace == pace);
    median(rounds.map(figure))
}
