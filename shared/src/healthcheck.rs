//! `gateway healthcheck`, `persister healthcheck`: asks the process beside it how it is.
//!
//! For containers, whose images hold nothing else that could ask.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::admin::ask::{self, Patience};
use crate::config::{AdminConfig, EXIT_BAD_SETTINGS};

/// Probes are answered at once, in one line.
const PATIENCE: Patience = Patience {
    step_max: Duration::from_secs(1),
    answer_octets_max: 4 << 10,
};

/// What to ask, and where.
#[derive(Debug, Clone, Args)]
pub struct HealthcheckConfig {
    /// What is asked.
    #[arg(long, value_enum, default_value_t = Probe::Ready)]
    pub probe: Probe,

    /// Where the process that is asked serves probes: the same setting as its own.
    #[command(flatten)]
    pub admin: AdminConfig,
}

/// A question to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Probe {
    /// Whether it can do its work now.
    Ready,
    /// Whether it answers at all.
    Live,
}

/// Asks, says what is wrong on standard error, and returns the code to exit with.
pub fn run(config: &HealthcheckConfig) -> ExitCode {
    let path = match config.probe {
        Probe::Ready => "/readyz",
        Probe::Live => "/livez",
    };
    let (code, complaint) = match ask::address(config.admin.admin_listen) {
        Err(error) => (
            ExitCode::from(EXIT_BAD_SETTINGS),
            format!("error: {error}\n"),
        ),
        Ok(address) => match ask::ask(address, "GET", path, PATIENCE) {
            Ok(answer) if answer.status == 200 => return ExitCode::SUCCESS,
            Ok(answer) => (ExitCode::FAILURE, answer.body),
            Err(error) => (ExitCode::FAILURE, format!("{address}: {error}\n")),
        },
    };
    // The exit code says it too.
    let _ = std::io::stderr().write_all(complaint.as_bytes());
    code
}
