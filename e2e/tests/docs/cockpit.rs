//! The cockpit against the metrics there are: alert rules, dashboards, their page, and the runbook of each alert.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::prometheus_rule::ALERTS;

const METRICS: &str = include_str!("../../../shared/src/metric.rs");
const PAGE: &str = include_str!("../../../docs/metrics.md");
const OPERATIONS: &str = include_str!("../../../docs/operations.md");
const DASHBOARD: &str = include_str!("../../../deploy/grafana/dashboards/overview.json");

/// The datasource that `deploy/grafana/provisioning` makes.
const PROVISIONED: &str = "prometheus";

/// Endings that the exporter adds to the names of histograms.
const SERIES: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Name, kind and meaning of every metric, as its definition says.
fn metrics() -> Vec<(String, &'static str, String)> {
    let (mut found, mut doc) = (Vec::new(), Vec::new());
    for line in METRICS.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            doc.push(text);
            continue;
        }
        let definition = line.strip_prefix("pub const ");
        let definition = definition.and_then(|rest| rest.split_once(": &str = \""));
        if let Some((constant, name)) = definition {
            let name = name.trim_end_matches("\";").to_owned();
            found.push((name, kind(constant), doc.join(" ")));
        }
        doc.clear();
    }
    found
}

/// What it is described as to the exporter.
fn kind(constant: &str) -> &'static str {
    let described = METRICS.split("describe_").find_map(|call| {
        let (kind, rest) = call.split_once("!(")?;
        rest.trim_start()
            .strip_prefix(constant)?
            .strip_prefix(',')?;
        ["counter", "gauge", "histogram"]
            .into_iter()
            .find(|known| *known == kind)
    });
    described.unwrap_or_else(|| panic!("{constant} is not described"))
}

/// Every word of a text that is a metric of ours by its beginning.
fn used(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .filter(|word| {
            ["gateway_", "persister_", "nats_"]
                .iter()
                .any(|daemon| word.starts_with(daemon))
        })
        .collect()
}

#[test]
fn alerts_and_dashboards_use_metrics_that_exist() {
    let known: BTreeSet<String> = metrics().into_iter().map(|(name, ..)| name).collect();
    let alerts = std::fs::read_to_string(ALERTS).unwrap();
    for (place, text) in [("alerts", alerts.as_str()), ("dashboard", DASHBOARD)] {
        let used = used(text);
        assert!(used.len() > 5, "{place}: {used:?}");
        for word in used {
            let name = SERIES
                .iter()
                .find_map(|series| word.strip_suffix(series))
                .unwrap_or(word);
            assert!(known.contains(name), "{place}: there is no {word}");
        }
    }
}

#[test]
fn the_dashboard_asks_whichever_prometheus_is_chosen() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let variable = &dashboard["templating"]["list"][0];
    assert_eq!(variable["type"], "datasource");
    assert_eq!(variable["current"]["value"], PROVISIONED);
    let panels = dashboard["panels"].as_array().unwrap();
    let graphs = panels.iter().filter(|panel| panel["type"] != "row");
    for panel in graphs {
        let targets = panel["targets"].as_array().unwrap();
        for asking in targets.iter().chain([panel]) {
            assert_eq!(asking["datasource"]["uid"], "${datasource}", "{panel}");
        }
    }
}

#[test]
fn every_alert_has_its_section_in_the_runbook_and_the_other_way_round() {
    let alerts = std::fs::read_to_string(ALERTS).unwrap();
    let mut lines = alerts.lines();
    let mut names = BTreeSet::new();
    while let Some(line) = lines.next() {
        let Some(name) = line.trim().strip_prefix("- alert: ") else {
            continue;
        };
        let link = format!(
            "runbook_url: docs/operations.md#{}",
            name.to_ascii_lowercase()
        );
        assert!(
            lines.by_ref().take(6).any(|line| line.trim() == link),
            "{name} has no {link}"
        );
        names.insert(name);
    }
    let (_, sections) = OPERATIONS.split_once("\n## Alerts\n").unwrap();
    let sections = sections.split("\n## ").next().unwrap();
    let sections: BTreeSet<_> = sections
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert_eq!(sections, names);
}

#[test]
fn the_page_of_metrics_says_what_their_definitions_say() {
    let mut table = String::from("| metric | kind | meaning |\n| --- | --- | --- |\n");
    for (name, kind, meaning) in metrics() {
        let _ = writeln!(table, "| `{name}` | {kind} | {meaning} |");
    }
    assert!(
        PAGE.ends_with(&table),
        "docs/metrics.md should end with:\n{table}"
    );
}
