//! Settings of the program: flags and environment, so that `make chaos SEED=7` reaches it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use local::programs::ProgramFolders;

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

    /// Gateways, or a balancer, that somebody else runs and breaks, separated by commas: nothing is started or broken
    /// here, and SIGTERM ends the load.
    #[arg(
        long,
        env = "CHAOS_GATEWAYS",
        value_delimiter = ',',
        requires = "database_url"
    )]
    pub gateways: Vec<SocketAddr>,

    /// The database behind those.
    #[arg(
        long,
        env = "CHAOS_DATABASE_URL",
        hide_env_values = true,
        requires = "gateways"
    )]
    pub database_url: Option<String>,

    /// Chats of theirs in which nothing has happened yet, separated by commas.
    #[arg(
        long,
        env = "CHAOS_CHATS",
        value_delimiter = ',',
        default_value = "1,2,3,4,5,6,7,8"
    )]
    pub chats: Vec<i64>,

    /// Folder of the data and logs of all runs; each has one in there, named after its seed.
    #[arg(long, env = "CHAOS_DATA", default_value = ".local/chaos")]
    pub data: PathBuf,

    /// Where the programs are.
    #[command(flatten)]
    pub folders: ProgramFolders,
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
