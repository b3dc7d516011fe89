//! The gateway process: start-up order and exit code; nothing else.

use std::io::Write;
use std::process::ExitCode;

use gateway::config::{Cli, Task};
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
    let config = match cli.task {
        Some(Task::Healthcheck(config)) => return healthcheck::run(&config),
        None => cli.config,
    };
    if let Err(error) = config.check() {
        return wrong_settings(&format!("error: {error}\n"));
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start the runtime: {error}")),
    };
    match runtime.block_on(gateway::run(config)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => match error.downcast_ref::<BadSettings>() {
            Some(error) => wrong_settings(&format!("error: {error}\n")),
            None => failed(&format!("{error:#}")),
        },
    }
}

fn wrong_settings(text: &str) -> ExitCode {
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(EXIT_BAD_SETTINGS)
}

fn failed(text: &str) -> ExitCode {
    let _ = std::io::stderr().write_all(format!("gateway: {text}\n").as_bytes());
    ExitCode::FAILURE
}
