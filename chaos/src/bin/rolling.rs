//! A deploy under load, measured: `cargo run --release -p chaos --bin rolling -- --clients 5000`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chaos::program;
use chaos::rolling::outcome::Outcome;
use chaos::rolling::{Spec, run};
use clap::Parser;
use local::programs::Programs;
use local::tools;
use shared::config::duration;

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
    program::run(deploy).await
}

async fn deploy(config: Config) -> anyhow::Result<Outcome> {
    run(&Spec {
        programs: Programs::find()?,
        postgres_programs: tools::find_postgres()?,
        folder: program::new_folder(&config.data)?,
        gateways: config.gateways.into(),
        persisters: config.persisters,
        clients: config.clients.into(),
        senders: config.senders.min(config.clients).into(),
        drain_window: config.drain_window,
    })
    .await
}
