//! The page on capacity against the simulation.

const PAGE: &str = include_str!("../../docs/capacity.md");

#[test]
fn the_page_shows_what_the_simulation_comes_to() {
    let table = bench::capacity::table();
    assert!(
        PAGE.contains(&table),
        "docs/capacity.md should hold:\n{table}"
    );
}
