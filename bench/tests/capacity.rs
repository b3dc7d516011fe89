//! The page on capacity against the simulation, and the simulation against the pages that hold what was measured.

use bench::capacity::{MEASURED, table};

const PAGE: &str = include_str!("../../docs/capacity.md");
const PERFORMANCE: &str = include_str!("../../docs/performance.md");
const OPERATIONS: &str = include_str!("../../docs/operations.md");

#[test]
fn the_page_shows_what_the_simulation_comes_to() {
    let table = table();
    assert!(
        PAGE.contains(&table),
        "docs/capacity.md should hold:\n{table}"
    );
}

#[test]
fn what_the_simulation_begins_with_is_what_was_measured() {
    for (page, value, figure) in MEASURED {
        let text = match page {
            "performance.md" => PERFORMANCE,
            "operations.md" => OPERATIONS,
            other => panic!("{other}"),
        };
        assert!(
            text.contains(figure),
            "{page} does not say {figure} any more"
        );
        let number = figure.split(' ').next().unwrap_or_default();
        assert_eq!(number.parse::<f64>(), Ok(value), "{figure}");
    }
}
