//! Prints the table of `docs/capacity.md`: `cargo run -p bench --bin capacity`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(bench::capacity::table().as_bytes())
}
