//! What the programs of this crate have in common: settings in, a report out, and an exit code that says whether any
//! promise was broken.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use shared::config::{EXIT_BAD_SETTINGS, Parsed};

/// What came of a run.
pub trait Report: Display {
    /// Whether every promise was kept.
    fn is_clean(&self) -> bool;
}

/// Runs `work` as the arguments say and prints its report.
pub async fn run<S: Parser, R: Report>(work: impl AsyncFnOnce(S) -> anyhow::Result<R>) -> ExitCode {
    let settings = match shared::config::parse::<S>(std::env::args_os()) {
        Parsed::Settings(settings) => *settings,
        Parsed::Answer(text) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Parsed::Wrong(text) => {
            complain(&text);
            return ExitCode::from(EXIT_BAD_SETTINGS);
        }
    };
    match work(settings).await {
        Ok(report) => {
            say(&report.to_string());
            if report.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            complain(&format!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// A folder for one run, from the root: PostgreSQL runs in its own folder, from where a relative path leads elsewhere.
///
/// # Errors
/// It is there already.
pub fn new_folder(data: &Path) -> anyhow::Result<PathBuf> {
    anyhow::ensure!(
        !data.exists(),
        "{} exists; remove it or name another with --data",
        data.display()
    );
    Ok(std::path::absolute(data)?)
}

/// To standard output. A closed terminal is no reason to fail.
pub fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
