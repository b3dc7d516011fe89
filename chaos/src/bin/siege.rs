//! Bad neighbours in large, measured: `cargo run --release -p chaos --bin siege`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chaos::program;
use chaos::siege::outcome::Outcome;
use chaos::siege::{Spec, run};
use clap::Parser;
use local::programs::Programs;
use shared::config::duration;

/// Attacks a gateway that has its ordinary bounds, while honest clients are at work.
///
/// Prints a Markdown table. Exits with 1 when an honest client lost anything.
#[derive(Debug, Clone, Parser)]
#[command(name = "siege", version)]
struct Config {
    /// Sockets of those attacks that keep many open. This process and the gateway need as many file descriptors.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    sockets: u32,

    /// Attackers at work at the same time in those that come again and again.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    hands: u16,

    /// How long each attack goes on that would go on for ever.
    #[arg(long, default_value = "10s", value_parser = duration)]
    period: Duration,

    /// The gateway's --first-head-max and --connect-max.
    #[arg(long, default_value = "10s", value_parser = duration)]
    deadline: Duration,

    /// Folder of the data and logs; it must not exist.
    #[arg(long, default_value = ".local/siege")]
    data: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run(besiege).await
}

async fn besiege(config: Config) -> anyhow::Result<Outcome> {
    run(&Spec {
        programs: Programs::find()?,
        folder: program::new_folder(&config.data)?,
        sockets: usize::try_from(config.sockets)?,
        hands: config.hands.into(),
        period: config.period,
        deadline: config.deadline,
    })
    .await
}
