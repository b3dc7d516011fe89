//! Settings of the runner: flags and environment, so that `make run PORT=9000` reaches it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use shared::config::BadSettings;
use shared::partition::PartitionCount;

use crate::programs::ProgramFolders;
use crate::tools;

/// More on one machine serve no purpose.
const DAEMONS_MAX: i64 = 16;
/// Partitions over PostgreSQL, enough for several persisters to share; SQLite has one writer anyway.
const PARTITIONS_POSTGRES: u16 = 8;

/// Runs the whole chat-event system on this machine: NATS, a database, persisters, gateways.
///
/// Ctrl-C stops it in order. Its data stays and is found again by the next run.
#[derive(Debug, Clone, Parser)]
#[command(name = "local", version)]
pub struct Config {
    /// Gateways, on ports PORT, PORT+1, …
    #[arg(long, env = "GATEWAYS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=DAEMONS_MAX))]
    pub gateways: u16,

    /// Persisters. Several of them want PostgreSQL, and get one of their own without --database-url.
    #[arg(long, env = "PERSISTERS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=DAEMONS_MAX))]
    pub persisters: u16,

    /// Partitions of the work, fixed when the data folder is first used [default: 1 with SQLite, 8 with PostgreSQL]
    #[arg(long, env = "PARTITIONS")]
    pub partitions: Option<PartitionCount>,

    /// Port of the first gateway on loopback. 0 takes free ones for all.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,

    /// Port of NATS on loopback. 0 takes a free one.
    #[arg(long, env = "NATS_PORT", default_value_t = 4222)]
    pub nats_port: u16,

    /// Folder of all data and logs.
    #[arg(long, env = "DATA", default_value = ".local/data")]
    pub data: PathBuf,

    /// Database to use instead of one in the data folder: postgres://… or sqlite://…
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// How clients prove who they are: not at all, or with a token signed with a secret in the data folder.
    #[arg(long, env = "AUTH", value_enum, default_value = "open")]
    pub auth: Auth,

    /// Folder of the built playground [default: playground/dist, where it is built]
    #[arg(long, env = "PLAYGROUND")]
    pub playground: Option<PathBuf>,

    /// Where the programs are.
    #[command(flatten)]
    pub folders: ProgramFolders,
}

/// How clients prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// They do not: whoever can reach the port is believed.
    Open,
    /// With a JSON Web Token.
    Jwt,
}

/// Which database a run uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file in the data folder.
    Sqlite,
    /// A server of our own with its cluster in the data folder.
    OwnPostgres,
    /// Somebody else's.
    Given(String),
}

impl Config {
    /// Checks what only shows when settings are seen together.
    pub fn check(&self) -> Result<(), BadSettings> {
        if self.port > 0 && self.port.checked_add(self.gateways - 1).is_none() {
            return Err(BadSettings(format!(
                "{} gateways from port {} on would need ports above 65535; choose a lower PORT (--port)",
                self.gateways, self.port
            )));
        }
        match self.database_url.as_deref() {
            Some(url) if url.starts_with("sqlite:") && self.persisters > 1 => Err(BadSettings(
                "several persisters need PostgreSQL; give a postgres:// DATABASE_URL (--database-url) or none"
                    .to_owned(),
            )),
            Some(url) if !is_database_url(url) => Err(BadSettings(
                "DATABASE_URL (--database-url) must start with postgres:// or sqlite://".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Which database to use.
    pub fn database(&self) -> Database {
        match &self.database_url {
            Some(url) => Database::Given(url.clone()),
            None if self.persisters > 1 => Database::OwnPostgres,
            None => Database::Sqlite,
        }
    }

    /// How many partitions the work is divided into.
    pub fn partition_count(&self) -> u16 {
        let sqlite = match self.database() {
            Database::Sqlite => true,
            Database::OwnPostgres => false,
            Database::Given(url) => url.starts_with("sqlite:"),
        };
        let default = if sqlite { 1 } else { PARTITIONS_POSTGRES };
        self.partitions.map_or(default, PartitionCount::get)
    }

    /// Where each gateway listens.
    pub fn gateway_addresses(&self) -> Vec<SocketAddr> {
        (0..self.gateways)
            .map(|index| if self.port == 0 { 0 } else { self.port + index })
            .map(|port| (Ipv4Addr::LOCALHOST, port).into())
            .collect()
    }

    /// Folder of the data of this kind of database, NATS's streams included: a stream's commands are carried
    /// out once in the database that keeps the read offset, and would be carried out again in another.
    pub fn store(&self) -> PathBuf {
        self.data.join(match self.database() {
            Database::Sqlite => "sqlite",
            Database::OwnPostgres => "postgres",
            Database::Given(_) => "external",
        })
    }

    /// Folder of the playground: the one asked for, or the one that `make` built, if it did.
    pub fn playground_folder(&self) -> Option<PathBuf> {
        self.playground.clone().or_else(tools::find_playground)
    }

    /// File of the secret that tokens are signed with.
    pub fn secret(&self) -> PathBuf {
        self.data.join("jwt-secret")
    }

    /// Folder of the log files.
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }
}

fn is_database_url(url: &str) -> bool {
    ["postgres://", "postgresql://", "sqlite:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(arguments: &[&str]) -> Config {
        Config::try_parse_from([&["local"], arguments].concat()).unwrap()
    }

    #[test]
    fn one_persister_has_sqlite_and_two_have_postgres() {
        assert_eq!(config(&[]).database(), Database::Sqlite);
        assert_eq!(config(&[]).partition_count(), 1);
        let two = config(&["--persisters", "2"]);
        assert_eq!(two.database(), Database::OwnPostgres);
        assert_eq!(two.partition_count(), 8);
        assert_eq!(
            config(&["--persisters", "2", "--partitions", "3"]).partition_count(),
            3
        );
    }

    #[test]
    fn settings_that_cannot_be_together_are_refused() {
        let check = |arguments: &[&str]| config(arguments).check().map_err(|error| error.0);
        assert_eq!(check(&["--gateways", "2"]), Ok(()));
        assert!(check(&["--gateways", "2", "--port", "65535"]).is_err());
        assert!(check(&["--persisters", "2", "--database-url", "sqlite://x"]).is_err());
        assert!(check(&["--database-url", "mysql://x"]).is_err());
        assert!(Config::try_parse_from(["local", "--gateways", "0"]).is_err());
        assert!(Config::try_parse_from(["local", "--partitions", "65"]).is_err());
    }
}
