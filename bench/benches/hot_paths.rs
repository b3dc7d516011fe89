//! The hot paths in time: `cargo bench -p bench`. Their budget is in instructions, `make bench-budget`.

use bench::hot_path::HotPath;

/// Passes per sample: short enough to repeat, long enough for the clock.
const PASSES: u32 = 100;

fn main() {
    divan::main();
}

#[divan::bench(args = [HotPath::Decode, HotPath::Encode, HotPath::Chain, HotPath::Seal, HotPath::Decide])]
fn hundred_passes(path: HotPath) {
    path.run(PASSES);
}
