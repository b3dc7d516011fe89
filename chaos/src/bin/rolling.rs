//! A deploy under load, measured: `cargo run --release -p chaos --bin rolling -- --clients 5000`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use chaos::rolling::outcome::Outcome;
use chaos::rolling::{Spec, run};
use clap::Parser;
use local::system::Programs;
use local::tools;
use shared::config::{EXIT_BAD_SETTINGS, Parsed, duration, parse};

/// Replaces every gateway and persister, one after the other, while clients are at work.
///
/// Exits with 1 when a client noticed anything but the announced close.
#[derive(Debug, Clone, Parser)]
#[command(name = "rolling", version)]
struct Config {
    /// Clients, each following one chat.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    clients: u16,

    /// How many of them send, four commands a second each.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    senders: u16,

    /// Gateways.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=10))]
    gateways: u8,

    /// Persisters.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=4))]
    persisters: u16,

    /// The gateways' drain window.
    #[arg(long, default_value = "10s", value_parser = duration)]
    drain_window: Duration,

    /// Folder of the data and logs; it must not exist.
    #[arg(long, default_value = ".local/rolling")]
    data: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let config = match parse::<Config>(std::env::args_os()) {
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
    match deploy(&config).await {
        Ok(outcome) => {
            say(&outcome.to_string());
            if outcome.violations().is_empty() {
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

async fn deploy(config: &Config) -> anyhow::Result<Outcome> {
    anyhow::ensure!(
        !config.data.exists(),
        "{} exists; remove it or name another with --data",
        config.data.display()
    );
    let this = std::env::current_exe()?;
    let folder = this.parent().context("this program lies in no folder")?;
    run(&Spec {
        programs: Programs {
            nats_server: tools::find_nats_server()?,
            persister: folder.join("persister"),
            gateway: folder.join("gateway"),
        },
        postgres_programs: tools::find_postgres()?,
        // PostgreSQL runs in its own folder, from where a relative path leads elsewhere.
        folder: std::path::absolute(&config.data)?,
        gateways: config.gateways.into(),
        persisters: config.persisters,
        clients: config.clients.into(),
        senders: config.senders.min(config.clients).into(),
        drain_window: config.drain_window,
    })
    .await
}

/// To standard output. A closed terminal is no reason to fail.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// To standard error.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
