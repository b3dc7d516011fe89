//! `bench`: plays the scenario it is told to and prints what came of it.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use bench::budget;
use bench::config::{Command, Config, GroundConfig};
use bench::ledger::Faults;
use bench::limit::Limit;
use bench::scenario::commands::{self, Pace};
use bench::scenario::fanout::{self, Lengths, Load, Shape};
use bench::scenario::{idle, slow, storm, typing};
use bench::server::{Cores, Ground};
use bench::suite;
use local::{preflight, tools};
use serde::Serialize;
use shared::config::{EXIT_BAD_SETTINGS, Parsed};

fn main() -> ExitCode {
    let config = match shared::config::parse::<Config>(std::env::args_os()) {
        Parsed::Settings(config) => *config,
        Parsed::Answer(text) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Parsed::Wrong(text) => {
            complain(&text);
            return ExitCode::from(EXIT_BAD_SETTINGS);
        }
    };
    match run(config) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Returns whether nothing was lost, doubled or out of order.
fn run(config: Config) -> anyhow::Result<bool> {
    let is_json = config.ground.json;
    let mut clean = true;
    match config.command {
        Command::Fanout {
            server,
            chats,
            subscribers,
            window,
            rate,
            warm_up,
            length,
        } => {
            let ground = prepare(config.ground)?;
            let shape = Shape {
                chats,
                subscribers,
                load: rate.map_or(Load::Window(window), Load::PerSecond),
            };
            let lengths = Lengths {
                warm_up,
                measured: length,
            };
            for server in server {
                let result = fanout::run(&ground, server, shape, lengths)?;
                clean &= tell(&result, result.faults, is_json)?;
            }
        }
        Command::Idle {
            server,
            connections,
            keep,
        } => {
            let ground = prepare(config.ground)?;
            for server in server {
                let result = idle::run(&ground, server, connections, keep)?;
                clean &= tell(&result, result.faults, is_json)?;
            }
        }
        Command::Commands {
            server,
            window,
            rate,
            mix,
            length,
        } => {
            let ground = prepare(config.ground)?;
            let pace = match rate {
                Some(rate) => Pace::PerSecond(rate),
                None if mix => Pace::Mix(window),
                None => Pace::Window(window),
            };
            for server in server {
                let result = commands::run(&ground, server, pace, length)?;
                clean &= tell(&result, result.faults, is_json)?;
            }
        }
        Command::Storm { server, clients } => {
            let result = storm::run(&prepare(config.ground)?, server, clients)?;
            clean = tell(&result, result.faults, is_json)?;
        }
        Command::Slow {
            server,
            subscribers,
            length,
        } => {
            let result = slow::run(&prepare(config.ground)?, server, subscribers, length)?;
            clean = tell(&result, result.faults, is_json)?;
        }
        Command::Typing {
            server,
            chats,
            clients,
            length,
        } => {
            let result = typing::run(&prepare(config.ground)?, server, chats, clients, length)?;
            clean = tell(&result, result.faults, is_json)?;
        }
        Command::All { part, out } => {
            clean = suite::run(&prepare(config.ground)?, &out, &part, &|line| {
                say(&format!("{line}\n"));
            })?;
        }
        Command::Budget => {
            for spent in budget::count(&std::env::current_exe()?)? {
                clean &= spent.is_within();
                say(&format!("{spent}\n"));
            }
        }
        Command::HotPath { path, times } => path.run(times),
        Command::LimitServer { coalesce } => {
            let limit = Limit::bind(coalesce)?;
            let (clients, link) = limit.addresses()?;
            complain(&bench::server::limit_ready_line(clients, link));
            limit.run()?;
        }
    }
    Ok(clean)
}

fn tell<T: Serialize + Display>(result: &T, faults: Faults, is_json: bool) -> anyhow::Result<bool> {
    let text = if is_json {
        serde_json::to_string(result)?
    } else {
        result.to_string()
    };
    say(&format!("{text}\n"));
    Ok(faults.is_clean())
}

/// Finds what servers are started from.
fn prepare(config: GroundConfig) -> anyhow::Result<Ground> {
    let bench = std::env::current_exe()?;
    let programs = match config.programs {
        Some(folder) => folder,
        None => bench
            .parent()
            .context("this program lies in no folder")?
            .to_owned(),
    };
    preflight::check_program(&programs.join("gateway"))?;
    let nats_server = match config.nats_server {
        Some(program) => program,
        None => tools::find_nats_server()?,
    };
    let cores = Cores {
        server: config.server_core,
        generator: config.generator_core,
    };
    Ok(Ground::new(bench, programs, nats_server, config.data)?
        .on_cores((!config.unpinned).then_some(cores))
        .with_gateway_args(config.gateway_arg))
}

/// To standard output. A closed terminal is no reason to fail.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// To standard error.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
