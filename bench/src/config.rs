//! Settings of the generator.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use shared::config::duration;

use crate::hot_path::HotPath;
use crate::server::Kind;
use crate::suite::Part;

/// Measures how fast the system is, beside its peers and beside what the machine allows.
///
/// It uses loopback only. Every run is checked: one that loses, doubles or disorders anything ends with exit code 1.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench", version)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Where, and from what.
    #[command(flatten)]
    pub ground: GroundConfig,
}

/// Where and from what servers are started.
#[derive(Debug, Clone, Args)]
pub struct GroundConfig {
    /// The core that servers run on.
    #[arg(long, env = "SERVER_CORE", default_value_t = 0, global = true)]
    pub server_core: usize,

    /// The core that the generator runs on.
    #[arg(long, env = "GENERATOR_CORE", default_value_t = 1, global = true)]
    pub generator_core: usize,

    /// Leave it to the system who runs where.
    #[arg(long, global = true)]
    pub unpinned: bool,

    /// Print results as JSON, one object a line.
    #[arg(long, global = true)]
    pub json: bool,

    /// Folder of the programs gateway and persister [default: where this one is]
    #[arg(long, env = "PROGRAMS", global = true)]
    pub programs: Option<PathBuf>,

    /// nats-server to use [default: the one on PATH, else the one that `make` fetched]
    #[arg(long, env = "NATS_SERVER", global = true)]
    pub nats_server: Option<PathBuf>,

    /// Folder for data and logs, which are kept [default: a temporary one, which is not]
    #[arg(long, global = true)]
    pub data: Option<PathBuf>,

    /// A further argument for gateways; may be repeated.
    #[arg(long, allow_hyphen_values = true, global = true)]
    pub gateway_arg: Vec<String>,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Deliver events to the subscribers of chats, as fast as they come.
    Fanout {
        /// Who is measured, one after the other.
        #[arg(long, value_enum, value_delimiter = ',', default_value = "gateway")]
        server: Vec<Kind>,
        /// Chats.
        #[arg(long, default_value_t = 1)]
        chats: usize,
        /// Subscribers of each chat.
        #[arg(long, default_value_t = 1_000)]
        subscribers: usize,
        /// Events on their way in each chat.
        #[arg(long, default_value_t = 1)]
        window: usize,
        /// Instead: events a second in all chats together, which take turns.
        #[arg(long, conflicts_with = "window")]
        rate: Option<u32>,
        /// How long it runs before it is measured.
        #[arg(long, default_value = "1s", value_parser = duration)]
        warm_up: Duration,
        /// How long it is measured.
        #[arg(long, default_value = "3s", value_parser = duration)]
        length: Duration,
    },
    /// Connect and subscribe clients, and keep them.
    Idle {
        /// Who is measured, one after the other.
        #[arg(long, value_enum, value_delimiter = ',', default_value = "gateway")]
        server: Vec<Kind>,
        /// How many.
        #[arg(long, default_value_t = 5_000)]
        connections: usize,
        /// How long they are kept; long enough for a heart-beat, which comes after 10 s.
        #[arg(long, default_value = "12s", value_parser = duration)]
        keep: Duration,
    },
    /// Send commands through a whole system on all cores; `join` is its other name.
    #[command(alias = "join")]
    Commands {
        /// Which.
        #[arg(
            long,
            value_enum,
            value_delimiter = ',',
            default_value = "pipeline-postgres"
        )]
        server: Vec<Kind>,
        /// Commands on their way in each chat.
        #[arg(long, default_value_t = 16)]
        window: usize,
        /// Instead: so many a second of all chats together.
        #[arg(long)]
        rate: Option<u32>,
        /// All four kinds of command, without receipts; else JOINs with receipts.
        #[arg(long)]
        mix: bool,
        /// How long it is measured.
        #[arg(long, default_value = "5s", value_parser = duration)]
        length: Duration,
    },
    /// Let thousands lose their connections and come back at once.
    Storm {
        /// Which system.
        #[arg(long, value_enum, default_value = "pipeline-sqlite")]
        server: Kind,
        /// How many come back.
        #[arg(long, default_value_t = 5_000)]
        clients: usize,
    },
    /// Let a tenth of the readers stall.
    Slow {
        /// Who is measured.
        #[arg(long, value_enum, default_value = "gateway")]
        server: Kind,
        /// Readers.
        #[arg(long, default_value_t = 1_000)]
        subscribers: usize,
        /// How long it is measured, twice.
        #[arg(long, default_value = "3s", value_parser = duration)]
        length: Duration,
    },
    /// Write in bursts in many chats of very different size.
    Typing {
        /// Who is measured.
        #[arg(long, value_enum, default_value = "gateway")]
        server: Kind,
        /// Chats.
        #[arg(long, default_value_t = 500)]
        chats: usize,
        /// Clients of all of them.
        #[arg(long, default_value_t = 5_000)]
        clients: usize,
        /// How long it is measured.
        #[arg(long, default_value = "3s", value_parser = duration)]
        length: Duration,
    },
    /// Measure everything and everybody, and write a report.
    All {
        /// Only these parts, one run after the other: for a machine that is never quiet for long. The report keeps what
        /// earlier runs found of the others.
        #[arg(long, value_enum, value_delimiter = ',')]
        part: Vec<Part>,
        /// Folder of the report.
        #[arg(long, default_value = "target/bench")]
        out: PathBuf,
    },
    /// Count the instructions of the hot paths with valgrind, and compare them with their budgets.
    Budget,
    /// Go through a hot path so many times; what valgrind runs.
    HotPath {
        /// Which.
        path: HotPath,
        /// How often.
        times: u32,
    },
    /// Serve as the bare limit, until killed. Other commands start it by themselves.
    LimitServer {
        /// Write once per turn and not once per event.
        #[arg(long)]
        coalesce: bool,
    },
}
