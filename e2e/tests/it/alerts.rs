//! What the alert rules look at is there from the start of the daemons on.

use local::probe;

use crate::support::world::{Database, Plan, World};

const ALERTS: &str = include_str!("../../../deploy/prometheus/alerts.yaml");

/// The series whose increase an alert is for: name, and what has to be among the labels.
fn counters() -> Vec<(&'static str, &'static str)> {
    let calls = ALERTS.split("increase(").skip(1);
    let series = calls.map(|rest| rest.split_once('[').unwrap().0);
    series
        .map(|series| match series.split_once('{') {
            Some((name, labels)) => (name, labels.trim_end_matches('}')),
            None => (series, ""),
        })
        .collect()
}

#[tokio::test]
async fn what_an_alert_counts_is_zero_before_it_happens() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let mut pages = String::new();
    for daemon in [&world.system.gateways[0], &world.system.persisters[0]] {
        let (status, page) = probe::get(daemon.admin(), "/metrics").await.unwrap();
        assert_eq!(status, 200);
        pages += &page;
    }
    let counters = counters();
    assert!(counters.len() >= 7, "{counters:?}");
    for (name, labels) in counters {
        let shown = pages.lines().any(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(labels))
        });
        assert!(
            shown,
            "{name} with {labels:?} would first show as 1, and raise no alert"
        );
    }
}
