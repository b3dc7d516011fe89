//! Every scenario, tiny, against the real programs: they work, and their checker can fail.
//!
//! `make test` builds the programs first. Figures are `make bench`'s business.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bench::scenario::commands::{self, Pace};
use bench::scenario::fanout::{self, Lengths, Load, Shape};
use bench::scenario::{idle, slow, storm, typing};
use bench::server::{Ground, Kind};
use bench::stage::Stage;
use local::tools;

const LENGTHS: Lengths = Lengths {
    warm_up: Duration::from_millis(100),
    measured: Duration::from_millis(300),
};

/// Nobody is pinned: other tests run beside this one.
fn ground() -> Ground {
    let bench = PathBuf::from(env!("CARGO_BIN_EXE_bench"));
    let programs = bench.parent().map(Path::to_owned).unwrap();
    Ground::new(bench, programs, tools::find_nats_server().unwrap(), None).unwrap()
}

#[track_caller]
fn delivers(server: Kind, load: Load) {
    let shape = Shape {
        chats: 3,
        subscribers: 5,
        load,
    };
    let result = fanout::run(&ground(), server, shape, LENGTHS).unwrap();
    assert!(result.faults.is_clean(), "{result}");
    assert!(result.deliveries > 100, "{result}");
    assert!(result.per_cpu_second.is_finite(), "{result}");
    assert!(result.latency.p99 > 0.0, "{result}");
}

#[test]
fn the_gateway_delivers() {
    delivers(Kind::Gateway, Load::Window(4));
}

#[test]
fn the_gateway_delivers_at_a_pace() {
    delivers(Kind::Gateway, Load::PerSecond(1_000));
}

#[test]
fn the_bare_limits_deliver() {
    delivers(Kind::Limit, Load::Window(4));
    delivers(Kind::LimitCoalescing, Load::Window(4));
}

#[test]
fn nats_delivers_over_websocket() {
    delivers(Kind::Nats, Load::Window(4));
}

#[test]
fn idle_clients_of_the_gateway_are_counted() {
    let result = idle::run(&ground(), Kind::Gateway, 50, Duration::from_millis(100)).unwrap();
    assert!(result.faults.is_clean(), "{result}");
    assert!(result.connect_cpu_micros > 0.0, "{result}");
}

#[test]
fn the_whole_pipeline_carries_commands_and_receipts() {
    let result = commands::run(
        &ground(),
        Kind::PipelineSqlite,
        Pace::Window(4),
        Duration::from_millis(300),
    )
    .unwrap();
    assert!(result.faults.is_clean(), "{result}");
    assert!(result.receipts > 0, "{result}");
}

#[test]
fn everybody_comes_back_after_a_storm() {
    let result = storm::run(&ground(), Kind::PipelineSqlite, 50).unwrap();
    assert!(result.faults.is_clean(), "{result}");
    assert!(result.all_back_seconds > 0.0, "{result}");
}

#[test]
fn stalled_readers_take_nothing_from_the_others() {
    let result = slow::run(&ground(), Kind::Gateway, 20, Duration::from_millis(300)).unwrap();
    assert!(result.faults.is_clean(), "{result}");
    assert!(result.with_stalled.per_second > 0.0, "{result}");
    assert!(result.with_stalled.latency.p99 > 0.0, "{result}");
}

#[test]
fn bursts_in_many_chats_arrive() {
    let result = typing::run(
        &ground(),
        Kind::Gateway,
        20,
        100,
        Duration::from_millis(300),
    )
    .unwrap();
    assert!(result.faults.is_clean(), "{result}");
    assert!(result.deliveries > 0, "{result}");
}

/// The books are kept on what really came over sockets, so a delivery more than there should be shows.
#[test]
fn a_server_that_delivers_twice_is_caught() {
    let server = ground().start(Kind::Limit, "0,0").unwrap();
    let mut stage = Stage::open(server, &[2]).unwrap();
    let sequence = stage.ledger.publish(0, Instant::now());
    for _ in 0..2 {
        stage
            .feed
            .publish(&mut stage.crowd, &mut stage.receipts, 0, sequence);
    }
    stage.publish(0);
    stage.drain().unwrap();
    let faults = stage.ledger.faults(true);
    assert_eq!((faults.doubled, faults.lost), (2, 0), "{faults}");
}

/// And one that is missing.
#[test]
fn a_server_that_swallows_an_event_is_caught() {
    let server = ground().start(Kind::Limit, "0,0").unwrap();
    let mut stage = Stage::open(server, &[2]).unwrap();
    stage.ledger.publish(0, Instant::now());
    stage.publish(0);
    stage.drain().unwrap();
    assert_eq!(stage.ledger.faults(true).lost, 2);
}
