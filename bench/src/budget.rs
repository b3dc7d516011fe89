//! Counts the instructions of each hot path with valgrind, and compares them with its budget.
//!
//! This program runs itself twice under callgrind, with few and with many passes; the difference is what the passes
//! cost, without start-up and set-up.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::hot_path::HotPath;

/// Passes of the two runs.
const PASSES: [u32; 2] = [100, 600];

/// What a pass of a hot path cost.
#[derive(Debug)]
pub struct Spent {
    /// Which.
    pub path: HotPath,
    /// Instructions of a pass.
    pub instructions: u64,
}

impl Spent {
    /// Whether it stays within its budget.
    pub fn is_within(&self) -> bool {
        self.instructions <= self.path.budget()
    }
}

/// Counts all of them.
pub fn count(bench: &Path) -> anyhow::Result<Vec<Spent>> {
    let paths = HotPath::value_variants().iter();
    paths.map(|path| count_one(bench, *path)).collect()
}

fn count_one(bench: &Path, path: HotPath) -> anyhow::Result<Spent> {
    let [few, many] = PASSES;
    let difference =
        instructions(bench, path, many)?.saturating_sub(instructions(bench, path, few)?);
    Ok(Spent {
        path,
        instructions: difference / u64::from(many - few),
    })
}

fn instructions(bench: &Path, path: HotPath, passes: u32) -> anyhow::Result<u64> {
    let name = path
        .to_possible_value()
        .context("every hot path has a name")?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(bench)
        .args(["hot-path", name.get_name(), &passes.to_string()])
        .output()
        .context("cannot run valgrind; it counts the instructions")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("the run under valgrind failed: {said}");
    }
    collected(&said).with_context(|| format!("valgrind says nothing of instructions: {said}"))
}

/// The number in `==123== Collected : 456`.
fn collected(said: &str) -> Option<u64> {
    let line = said
        .lines()
        .find_map(|line| line.split_once("Collected : "))?;
    line.1.trim().parse().ok()
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{:?}", self.path);
        let verdict = if self.is_within() { "within" } else { "OVER" };
        write!(
            f,
            "{name:8} {:>9} instructions, {verdict} its budget of {}",
            self.instructions,
            self.path.budget()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_valgrind_says_is_read() {
        assert_eq!(collected("==1== \n==1== Collected : 57012\n"), Some(57_012));
        assert_eq!(collected("==1== Command: x\n"), None);
    }

    #[test]
    fn every_hot_path_can_be_gone_through() {
        for path in HotPath::value_variants() {
            path.run(3);
        }
    }
}
