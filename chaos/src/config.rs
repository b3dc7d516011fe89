//! Settings of the program: flags and environment, so that `make chaos SEED=7` reaches it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Breaks every part of the system at random, under load, and judges what came of it.
///
/// Exits with 1 when a promise was broken.
#[derive(Debug, Clone, Parser)]
#[command(name = "chaos", version)]
pub struct Config {
    /// Decides which faults happen when, and what each client does [default: a random one]
    #[arg(long, env = "SEED")]
    pub seed: Option<u64>,

    /// How long things are broken, in minutes.
    #[arg(long, env = "MINUTES", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    pub minutes: u64,

    /// Folder of the data and logs of all runs; each has one in there, named after its seed.
    #[arg(long, env = "CHAOS_DATA", default_value = ".local/chaos")]
    pub data: PathBuf,

    /// nats-server to use [default: the one on PATH, else the one that `make` fetched]
    #[arg(long, env = "NATS_SERVER")]
    pub nats_server: Option<PathBuf>,

    /// Folder of PostgreSQL's server programs [default: of the newest version installed]
    #[arg(long, env = "POSTGRES_PROGRAMS")]
    pub postgres_programs: Option<PathBuf>,

    /// Folder of the programs gateway and persister [default: where this one is]
    #[arg(long, env = "PROGRAMS")]
    pub programs: Option<PathBuf>,
}

impl Config {
    /// How long things are broken.
    pub fn length(&self) -> Duration {
        Duration::from_mins(self.minutes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_bounded() {
        let minutes = |text| Config::try_parse_from(["chaos", "--minutes", text]);
        assert_eq!(minutes("10").unwrap().length(), Duration::from_mins(10));
        for bad in ["0", "1441", "x"] {
            assert!(minutes(bad).is_err(), "{bad}");
        }
    }
}
