//! The gateway process: start-up order and exit code; nothing else.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use gateway::auth::mint;
use gateway::config::{Cli, Config, Task};
use gateway::terminal::sessions;
use shared::config::{BadSettings, EXIT_BAD_SETTINGS, Parsed, parse};
use shared::healthcheck;

fn main() -> ExitCode {
    let cli = match parse::<Cli>(std::env::args_os()) {
        Parsed::Settings(cli) => *cli,
        Parsed::Answer(text) => {
            // Nobody reads the help: nothing is lost.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Parsed::Wrong(text) => return wrong_settings(&text),
    };
    let result = match cli.task {
        Some(Task::Healthcheck(config)) => return healthcheck::run(&config),
        None => run(cli.config),
        Some(Task::Token(config)) => print_token(&config),
        Some(Task::Sessions { action }) => {
            sessions::run(&action, &mut std::io::stdout()).map(|()| true)
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => match error.downcast_ref::<BadSettings>() {
            Some(error) => wrong_settings(&format!("error: {error}\n")),
            None => failed(&format!("{error:#}")),
        },
    }
}

/// Serves clients until the process is asked to stop; whether everything ended well.
fn run(config: Config) -> anyhow::Result<bool> {
    config.check()?;
    let runtime = gateway::runtime::start().context("cannot start the runtime")?;
    runtime.block_on(gateway::run(config))
}

fn print_token(config: &mint::TokenConfig) -> anyhow::Result<bool> {
    let token = mint::mint(config)?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(true)
}

fn wrong_settings(text: &str) -> ExitCode {
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(EXIT_BAD_SETTINGS)
}

fn failed(text: &str) -> ExitCode {
    let _ = std::io::stderr().write_all(format!("gateway: {text}\n").as_bytes());
    ExitCode::FAILURE
}
