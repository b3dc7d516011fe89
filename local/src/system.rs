//! NATS, persisters and gateways together, over a database that somebody else started.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, bail};
use futures_util::future::{join_all, select_all};

use crate::daemon::{Daemon, DaemonSpec};
use crate::nats::NatsServer;
use crate::process::{LineListener, Process};
use crate::programs::Programs;

/// What to start.
#[derive(Clone)]
pub struct SystemSpec {
    /// From which programs.
    pub programs: Programs,
    /// Where NATS listens on loopback.
    pub nats_port: u16,
    /// Where each gateway serves clients, which says how many there are; port 0 takes a free one.
    pub gateways: Vec<SocketAddr>,
    /// How many persisters.
    pub persisters: u16,
    /// How many partitions the work is divided into.
    pub partitions: u16,
    /// The database.
    pub database_url: String,
    /// Arguments for every daemon, for those who want their logs or traces otherwise.
    pub daemon_args: Vec<String>,
    /// Arguments for the gateways alone.
    pub gateway_args: Vec<String>,
    /// Folder of NATS's streams.
    pub nats_store: PathBuf,
    /// Folder of the log files.
    pub logs: PathBuf,
    /// Hears every line of every log.
    pub listener: Option<LineListener>,
}

/// A started system. Its parts can be broken and repaired one by one.
pub struct System {
    /// The bus.
    pub nats: NatsServer,
    /// Those who store.
    pub persisters: Vec<Daemon>,
    /// Those whom clients connect to.
    pub gateways: Vec<Daemon>,
}

impl System {
    /// Starts everything and waits until all of it is ready.
    pub async fn start(spec: &SystemSpec) -> anyhow::Result<Self> {
        let nats = NatsServer::start(
            &spec.programs.nats_server,
            spec.nats_port,
            &spec.nats_store,
            &spec.logs,
            spec.listener.clone(),
        )
        .await?;
        let mut persisters = Vec::new();
        // One after the other: the first one migrates the database.
        for number in 1..=spec.persisters {
            persisters.push(Daemon::start(spec.persister(number, &nats)).await?);
        }
        let mut gateways = Vec::new();
        for (number, listen) in (1..).zip(&spec.gateways) {
            gateways.push(Daemon::start(spec.gateway(number, *listen, &nats)).await?);
        }
        let system = Self {
            nats,
            persisters,
            gateways,
        };
        system.wait_ready().await?;
        Ok(system)
    }

    /// Waits until every daemon says that it can do its work.
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        for daemon in self.persisters.iter().chain(&self.gateways) {
            daemon.wait_ready().await?;
        }
        Ok(())
    }

    /// Waits until anything ends, which nothing should, and says what and how.
    pub async fn first_end(&self) -> String {
        let daemons = self.persisters.iter().chain(&self.gateways);
        let processes: Vec<&Process> = std::iter::once(self.nats.process())
            .chain(daemons.map(Daemon::process))
            .collect();
        let ends = processes.iter().map(|process| Box::pin(process.ended()));
        let (status, index, _) = select_all(ends).await;
        processes[index].obituary(status)
    }

    /// Stops everything in order: gateways, so that clients are told; persisters, which finish what was sent;
    /// NATS.
    ///
    /// # Errors
    /// When something did not stop by itself or reported a failure. The rest is stopped all the same.
    pub async fn stop(self) -> anyhow::Result<()> {
        let mut complaints = Vec::new();
        for daemons in [&self.gateways, &self.persisters] {
            let stopped = join_all(daemons.iter().map(Daemon::stop)).await;
            for (daemon, status) in daemons.iter().zip(stopped) {
                complaints.extend(complaint(daemon.name(), status));
            }
        }
        complaints.extend(complaint("nats", self.nats.stop().await));
        if !complaints.is_empty() {
            bail!("{}", complaints.join("; "));
        }
        Ok(())
    }
}

fn complaint(name: &str, stopped: anyhow::Result<ExitStatus>) -> Option<String> {
    match stopped {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("{name} stopped with {status}")),
        Err(error) => Some(error.to_string()),
    }
}

impl SystemSpec {
    fn persister(&self, number: u16, nats: &NatsServer) -> DaemonSpec {
        let mut args = vec!["run".to_owned()];
        args.extend(["--nats-url".to_owned(), nats.url()]);
        args.extend(["--partitions".to_owned(), self.partitions.to_string()]);
        args.extend(self.daemon_args.clone());
        DaemonSpec {
            kind: "persister",
            number,
            program: self.programs.persister.clone(),
            args,
            // It may hold a password, which would show in the list of processes.
            env: vec![("DATABASE_URL", self.database_url.clone())],
            listen: None,
            logs: self.logs.clone(),
            listener: self.listener.clone(),
        }
    }

    fn gateway(&self, number: u16, listen: SocketAddr, nats: &NatsServer) -> DaemonSpec {
        let mut args = Vec::new();
        // Whoever says how clients prove who they are knows better.
        if !self.gateway_args.iter().any(|arg| arg == "--auth") {
            args.extend(["--auth".to_owned(), "open".to_owned()]);
        }
        args.extend(["--nats-url".to_owned(), nats.url()]);
        args.extend(self.daemon_args.clone());
        args.extend(self.gateway_args.clone());
        DaemonSpec {
            kind: "gateway",
            number,
            program: self.programs.gateway.clone(),
            args,
            env: Vec::new(),
            listen: Some(listen),
            logs: self.logs.clone(),
            listener: self.listener.clone(),
        }
    }
}

/// The URL of a SQLite database in this file, which is made when it is not there.
///
/// # Errors
/// When the path is no text, which a URL has to be.
pub fn sqlite_url(file: &Path) -> anyhow::Result<String> {
    let path = file.to_str().context("the data folder's name is no text")?;
    let mut url = "sqlite://".to_owned();
    for octet in path.bytes() {
        match octet {
            b'/' | b'.' | b'-' | b'_' | b'~' => url.push(char::from(octet)),
            _ if octet.is_ascii_alphanumeric() => url.push(char::from(octet)),
            _ => write!(url, "%{octet:02X}").expect("a String takes any text"),
        }
    }
    Ok(url + "?mode=rwc")
}

/// `args` for a gateway, and no rates nor counts by address among them where `args` name none: for clients that are
/// programs, which all come from one address and send as fast as they can.
pub fn without_rates(mut args: Vec<String>) -> Vec<String> {
    for flag in [
        "--session-sends-per-second-max",
        "--session-subscribes-per-second-max",
        "--address-connections-max",
        "--address-connections-per-second-max",
        "--address-queries-per-second-max",
        "--connections-per-second-max",
    ] {
        if !args.iter().any(|arg| arg == flag) {
            args.extend([flag.to_owned(), "0".to_owned()]);
        }
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_survive_the_url() {
        let url = |path| sqlite_url(Path::new(path)).unwrap();
        assert_eq!(url("/tmp/a.db"), "sqlite:///tmp/a.db?mode=rwc");
        assert_eq!(url("a b?#%/é"), "sqlite://a%20b%3F%23%25/%C3%A9?mode=rwc");
    }
}
