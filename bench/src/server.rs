//! The servers under measurement, each as processes of its own on one core.

mod gateway;
mod limit;
mod nats;

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use self::limit::ready_line as limit_ready_line;

use clap::ValueEnum;
use local::process::{Process, ProcessSpec};
use local::reaper::LastSignal;
use serde::Serialize;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::dialect::Dialect;
use crate::feed::FeedSpec;
use crate::machine::{self, Usage};

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Our gateway, its events straight from NATS.
    Gateway,
    /// The bare limit, a write per event.
    Limit,
    /// The bare limit, a write per turn.
    LimitCoalescing,
    /// nats-server's own WebSocket listener.
    Nats,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gateway => "gateway",
            Self::Limit => "limit",
            Self::LimitCoalescing => "limit-coalescing",
            Self::Nats => "nats",
        })
    }
}

/// Where and from what servers are started.
pub struct Ground {
    /// Runs what is asynchronous about starting them.
    runtime: Runtime,
    /// This very program, for the bare limit.
    bench: PathBuf,
    /// Folder of our daemons.
    programs: PathBuf,
    nats_server: PathBuf,
    /// For data and logs; every server gets a folder of its own in it.
    folder: PathBuf,
    /// The core that servers run on; `None` leaves it to the system.
    core: Option<usize>,
    gateway_args: Vec<String>,
    /// Removes a temporary folder at the end.
    _temporary: Option<TempDir>,
}

/// One process of a server.
#[derive(Debug, Clone)]
pub struct Part {
    /// What the report calls it.
    pub name: &'static str,
    /// Its process id.
    pub pid: i32,
}

/// A server that runs; dropping it ends it.
pub struct Server {
    /// Where clients connect.
    pub address: SocketAddr,
    /// What they speak.
    pub dialect: Dialect,
    /// Where its events come from.
    pub feed: FeedSpec,
    /// Its processes, the one that serves clients first.
    pub parts: Vec<Part>,
    /// Ends them.
    pub holds: Vec<Box<dyn Any>>,
}

impl Server {
    /// What each part has used so far.
    pub fn usages(&self) -> anyhow::Result<Vec<(&'static str, Usage)>> {
        self.parts
            .iter()
            .map(|part| Ok((part.name, Usage::of(part.pid)?)))
            .collect()
    }
}

impl Ground {
    /// With this very program, the folder of our daemons, and a folder for data and logs; without one, they are
    /// removed at the end.
    pub fn new(
        bench: PathBuf,
        programs: PathBuf,
        nats_server: PathBuf,
        data: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let temporary = match &data {
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                None
            }
            None => Some(TempDir::with_prefix("bench-")?),
        };
        let folder = data.or_else(|| {
            temporary
                .as_ref()
                .map(|temporary| temporary.path().to_owned())
        });
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            bench,
            programs,
            nats_server,
            folder: folder.expect("one of them is there"),
            core: None,
            gateway_args: Vec::new(),
            _temporary: temporary,
        })
    }

    /// Servers run on this core; `None` leaves it to the system.
    #[must_use]
    pub fn on_core(self, core: Option<usize>) -> Self {
        Self { core, ..self }
    }

    /// Gateways get these arguments as well.
    #[must_use]
    pub fn with_gateway_args(self, gateway_args: Vec<String>) -> Self {
        Self {
            gateway_args,
            ..self
        }
    }

    /// Starts a server and waits until it is ready.
    pub fn start(&self, kind: Kind, heart_beat: &'static str) -> anyhow::Result<Server> {
        let _pinned = self.core.map(machine::pin).transpose()?;
        match kind {
            Kind::Gateway => gateway::start(self, heart_beat),
            Kind::Limit => limit::start(self, false),
            Kind::LimitCoalescing => limit::start(self, true),
            Kind::Nats => nats::start(self),
        }
    }

    /// A new folder below ours.
    fn folder_for(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(&self.folder)?;
        // Everything below our folder goes with it.
        Ok(folder.keep())
    }

    /// Starts a program that is no daemon of ours.
    fn spawn(
        &self,
        name: &str,
        program: PathBuf,
        args: &[&str],
        env: Vec<(&'static str, String)>,
    ) -> anyhow::Result<Process> {
        Process::spawn(&ProcessSpec {
            name: name.to_owned(),
            program,
            args: args.iter().map(Into::into).collect(),
            env,
            folder: None,
            run_as: None,
            log: self.folder.join(format!("{name}.log")),
            last_signal: LastSignal::Kill,
            listener: None,
        })
    }
}
