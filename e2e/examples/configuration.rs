//! Prints `docs/configuration.md`: `make docs`.

use std::io::Write;

#[path = "../tests/docs/configuration.rs"]
mod configuration;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(configuration::page().as_bytes())
}
