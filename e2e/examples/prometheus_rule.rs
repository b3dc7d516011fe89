//! Writes the `PrometheusRule` to standard output; `make docs` puts it in its place.

use std::io::Write;

#[path = "../tests/docs/prometheus_rule.rs"]
mod prometheus_rule;

fn main() -> std::io::Result<()> {
    let alerts = std::fs::read_to_string(prometheus_rule::ALERTS)?;
    std::io::stdout().write_all(prometheus_rule::manifest(&alerts).as_bytes())
}
