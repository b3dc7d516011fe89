//! What was reached, beside what must be and what would be good; tables and curves.

mod curves;
mod targets;

use std::fmt::Write;

pub use self::curves::curves;
use crate::ledger::Faults;
use crate::scenario::fanout::{Fanout, Shape};
use crate::server::Kind;
use crate::suite::{Results, SHAPES};

/// The median of some figures.
fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// The median over rounds of one figure of a server at a shape.
fn at(
    results: &Results,
    server: Kind,
    shape: Shape,
    figure: impl Fn(&Fanout) -> f64,
) -> Option<f64> {
    let rounds = results
        .fanout
        .iter()
        .filter(|run| run.server == server && run.shape == shape);
    median(rounds.map(figure))
}

/// Every run that lost, doubled, disordered or refused anything.
pub fn faulty(results: &Results) -> Vec<String> {
    let Results {
        fanout,
        by_subscribers,
        by_chats,
        by_chats_paced,
        idle,
        commands,
        storm,
        slow,
        typing,
        ..
    } = results;
    let fanout = fanout
        .iter()
        .chain(by_subscribers)
        .chain(by_chats)
        .chain(by_chats_paced);
    let mut all: Vec<(String, Faults)> = fanout.map(|run| (run.to_string(), run.faults)).collect();
    all.extend(idle.iter().map(|run| (run.to_string(), run.faults)));
    all.extend(commands.iter().map(|run| (run.to_string(), run.faults)));
    all.extend(storm.iter().map(|run| (run.to_string(), run.faults)));
    all.extend(slow.iter().map(|run| (run.to_string(), run.faults)));
    all.extend(typing.iter().map(|run| (run.to_string(), run.faults)));
    all.into_iter()
        .filter(|(_, faults)| !faults.is_clean())
        .map(|(text, _)| text)
        .collect()
}

/// The whole report.
pub fn markdown(results: &Results) -> String {
    let mut out = format!(
        "# Measured\n\nOn {}, in {:.0} minutes. Medians of the rounds of this run; the server on one core, the \
         generator on the other, except for whole systems, which have both.\n\n",
        results.machine,
        results.seconds / 60.0
    );
    targets::put(results, &mut out);
    put_fanout(results, &mut out);
    put_growth("subscribers of one chat", &results.by_subscribers, &mut out);
    put_growth("chats, as fast as it goes", &results.by_chats, &mut out);
    put_growth("chats, at a pace", &results.by_chats_paced, &mut out);
    put_rest(results, &mut out);
    out
}

fn put_fanout(results: &Results, out: &mut String) {
    let servers = [
        Kind::Limit,
        Kind::LimitCoalescing,
        Kind::Gateway,
        Kind::Nats,
        Kind::Centrifugo,
        Kind::Rabbitmq,
    ];
    for (title, figure) in [
        (
            "Deliveries per CPU second, all processes of the server",
            (|run| run.per_cpu_second_all) as fn(&Fanout) -> f64,
        ),
        ("p99 in ms", |run| run.latency.p99 / 1e3),
    ] {
        put_line(out, &format!("\n## {title}\n"));
        let names: Vec<String> = SHAPES.iter().map(ToString::to_string).collect();
        put_line(out, &format!("| server | {} |", names.join(" | ")));
        put_line(out, &format!("| --- |{}", " ---: |".repeat(SHAPES.len())));
        for server in servers {
            let cells: Vec<String> = SHAPES
                .iter()
                .map(|shape| at(results, server, *shape, figure).map_or("–".to_owned(), number))
                .collect();
            put_line(out, &format!("| {server} | {} |", cells.join(" | ")));
        }
    }
}

/// Speed and memory of the gateway beside the limits, a column for each size; what could not be measured is a dash.
fn put_growth(what: &str, runs: &[Fanout], out: &mut String) {
    let ours = runs.iter().filter(|run| run.server == Kind::Gateway);
    let shapes: Vec<Shape> = ours.map(|run| run.shape).collect();
    if shapes.is_empty() {
        return;
    }
    let of = |server: Kind, shape: Shape| {
        let mut runs = runs.iter();
        runs.find(|run| run.server == server && run.shape == shape)
    };
    put_line(out, &format!("\n## Growing {what}\n"));
    let names: Vec<String> = shapes.iter().map(ToString::to_string).collect();
    put_line(out, &format!("| | {} |", names.join(" | ")));
    put_line(out, &format!("| --- |{}", " ---: |".repeat(shapes.len())));
    let mut row = |name: &str, figure: &dyn Fn(Shape) -> Option<f64>| {
        let figures = shapes.iter().map(|shape| figure(*shape));
        let cells: Vec<String> = figures
            .map(|figure| figure.map_or("–".to_owned(), number))
            .collect();
        put_line(out, &format!("| {name} | {} |", cells.join(" | ")));
    };
    let speed = |server, shape| of(server, shape).map(|run| run.per_cpu_second_all);
    for server in [Kind::Limit, Kind::LimitCoalescing, Kind::Gateway] {
        let name = format!("{server}, deliveries per CPU second of all parts");
        row(&name, &|shape| speed(server, shape));
    }
    row("gateway to the limit", &|shape| {
        Some(speed(Kind::Gateway, shape)? / speed(Kind::Limit, shape)?)
    });
    row("gateway, p99 in ms", &|shape| {
        of(Kind::Gateway, shape).map(|run| run.latency.p99 / 1e3)
    });
    row("gateway, memory in MiB", &|shape| {
        of(Kind::Gateway, shape).map(|run| run.pss_octets as f64 / f64::from(1 << 20))
    });
}

fn put_rest(results: &Results, out: &mut String) {
    let Results {
        idle,
        commands,
        insert,
        storm,
        slow,
        typing,
        ..
    } = results;
    put_list(out, "Idle connections", idle);
    put_list(out, "Commands through whole systems", commands);
    put_list(out, "Raw inserts of the same rows", insert);
    put_list(out, "Storm", storm);
    put_list(out, "Stalled readers", slow);
    put_list(out, "Bursts in many chats", typing);
    put_list(out, "Absent peers", &results.absent);
    put_list(out, "Could not be measured", &results.failed);
    put_list(out, "Runs that are worth nothing", &faulty(results));
}

fn put_list<T: ToString>(out: &mut String, title: &str, runs: &[T]) {
    if runs.is_empty() {
        return;
    }
    put_line(out, &format!("\n## {title}\n\n```text"));
    for run in runs {
        put_line(out, &run.to_string());
    }
    put_line(out, "```");
}

fn put_line(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("a String takes any text");
}

/// With as many digits as mean something.
fn number(figure: f64) -> String {
    if figure >= 10_000.0 {
        format!("{:.0} k", figure / 1e3)
    } else if figure >= 100.0 {
        format!("{figure:.0}")
    } else {
        format!("{figure:.2}")
    }
}
