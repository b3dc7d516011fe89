//! The servers under measurement, each as processes of its own on one core.

mod centrifugo;
mod gateway;
mod limit;
mod nats;
mod pipeline;
mod rabbitmq;
mod spring;

use std::any::Any;
use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use self::limit::ready_line as limit_ready_line;

use anyhow::bail;
use clap::ValueEnum;
use local::postgres::PostgresServer;
use local::process::{Process, ProcessSpec};
use local::reaper::LastSignal;
use local::system::sqlite_url;
use local::tools;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::dialect::Dialect;
use crate::feed::FeedSpec;
use crate::machine::{self, Pinned, Usage};

/// Where `make bench-peers` puts what it builds, from the root of the project.
const PEERS: &str = "target/bench/peers";

/// Arguments of every gateway: all clients come from one address, and send as much as they can.
const UNBOUNDED: [&str; 6] = [
    "--address-connections-max",
    "0",
    "--address-connections-per-second-max",
    "0",
    "--session-sends-per-second-max",
    "0",
];

/// How often a program is asked whether it listens yet. Nothing tells us.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Which core is whose.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    /// The server's.
    pub server: usize,
    /// The generator's.
    pub generator: usize,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
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
    /// RabbitMQ with Web STOMP.
    Rabbitmq,
    /// Centrifugo with its NATS broker.
    Centrifugo,
    /// Spring Boot's `SimpleBroker` over PostgreSQL.
    Spring,
    /// The whole of ours over SQLite.
    PipelineSqlite,
    /// The whole of ours over PostgreSQL.
    PipelinePostgres,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gateway => "gateway",
            Self::Limit => "limit",
            Self::LimitCoalescing => "limit-coalescing",
            Self::Nats => "nats",
            Self::Rabbitmq => "rabbitmq",
            Self::Centrifugo => "centrifugo",
            Self::Spring => "spring",
            Self::PipelineSqlite => "pipeline-sqlite",
            Self::PipelinePostgres => "pipeline-postgres",
        })
    }
}

/// A server that is not installed here.
#[derive(Debug, thiserror::Error)]
#[error("absent: {0}")]
pub struct Absent(String);

fn absent(why: &str) -> anyhow::Error {
    Absent(why.to_owned()).into()
}

/// Where and from what servers are started.
pub struct Ground {
    /// Runs what is asynchronous about starting them.
    runtime: Runtime,
    /// This very program, for the bare limit.
    bench: PathBuf,
    /// Folder of our daemons.
    programs: PathBuf,
    /// Folder of peers that have to be built.
    peers: PathBuf,
    nats_server: PathBuf,
    /// For data and logs; every server gets a folder of its own in it.
    folder: PathBuf,
    cores: Option<Cores>,
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

impl Part {
    fn new(name: &'static str, pid: i32) -> Self {
        Self { name, pid }
    }
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
            peers: tools::project_folder().join(PEERS),
            programs,
            nats_server,
            folder: folder.expect("one of them is there"),
            cores: None,
            gateway_args: UNBOUNDED.map(str::to_owned).to_vec(),
            _temporary: temporary,
        })
    }

    /// Who runs where; `None` leaves it to the system.
    #[must_use]
    pub fn on_cores(self, cores: Option<Cores>) -> Self {
        Self { cores, ..self }
    }

    /// Gateways get these arguments as well.
    #[must_use]
    pub fn with_gateway_args(mut self, gateway_args: Vec<String>) -> Self {
        self.gateway_args.extend(gateway_args);
        self
    }

    /// Starts a server and waits until it is ready.
    pub fn start(&self, kind: Kind, heart_beat: &'static str) -> anyhow::Result<Server> {
        let _pinned = self
            .cores
            .map(|cores| machine::pin(cores.server))
            .transpose()?;
        self.start_anywhere(kind, heart_beat)
    }

    /// Confines this thread, which is the generator, to its core until the result is dropped.
    pub fn pin_generator(&self) -> anyhow::Result<Option<Pinned>> {
        self.cores
            .map(|cores| machine::pin(cores.generator))
            .transpose()
    }

    /// Starts a server that may use every core.
    pub fn start_anywhere(&self, kind: Kind, heart_beat: &'static str) -> anyhow::Result<Server> {
        match kind {
            Kind::Gateway => gateway::start(self, heart_beat),
            Kind::Limit => limit::start(self, false),
            Kind::LimitCoalescing => limit::start(self, true),
            Kind::Nats => nats::start(self),
            Kind::Rabbitmq => rabbitmq::start(self, heart_beat),
            Kind::Centrifugo => centrifugo::start(self),
            Kind::Spring => spring::start(self, heart_beat),
            Kind::PipelineSqlite => pipeline::start(self, pipeline::Database::Sqlite, heart_beat),
            Kind::PipelinePostgres => {
                pipeline::start(self, pipeline::Database::Postgres, heart_beat)
            }
        }
    }

    /// Waits until a program that says nothing we could read accepts connections.
    fn wait_listening(
        &self,
        process: &Process,
        address: SocketAddr,
        wait_max: Duration,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + wait_max;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.exit() {
                bail!("{}", process.obituary(status));
            }
            if Instant::now() > deadline {
                bail!("{} does not listen after {wait_max:?}", process.name());
            }
            // Inside, since a timer is made for the runtime that it is made in.
            self.block_on(async { tokio::time::sleep(POLL_INTERVAL).await });
        }
        Ok(())
    }

    /// Where data and logs are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs something asynchronous to its end.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The URL of an empty database of the kind that a pipeline uses, and what keeps it alive.
    pub fn database(&self, kind: Kind) -> anyhow::Result<(String, Option<PostgresServer>)> {
        let folder = self.folder_for("database")?;
        if kind == Kind::PipelinePostgres {
            let server = pipeline::postgres(self, &folder)?;
            return Ok((server.url(pipeline::DATABASE), Some(server)));
        }
        Ok((sqlite_url(&folder.join("persister.db"))?, None))
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
