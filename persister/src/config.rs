//! Flags and environment of the persister; `--help` is the reference.

mod import;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use shared::config::{AdminConfig, BadSettings, NatsConfig, TelemetryConfig, duration};
use shared::healthcheck::HealthcheckConfig;
use shared::partition::PartitionCount;
use shared::stream::StreamLimits;

use crate::database::DatabaseUrl;
use crate::retention::{Keep, Retention};

pub use import::ImportConfig;

/// Shortest and longest lease. Below, a slow disk costs the lease; above, a crash stops a partition for long.
const LEASE_TTL_MIN: Duration = Duration::from_millis(200);
const LEASE_TTL_MAX: Duration = Duration::from_mins(1);

/// Carries out the commands of all chats and stores what happened.
#[derive(Debug, Parser)]
#[command(name = "persister", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `run` when left out.
    #[command(subcommand)]
    pub task: Option<Task>,

    /// Settings of `run` when no task is named.
    #[command(flatten)]
    pub run: RunConfig,
}

/// One thing the program does.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Carry out commands until told to stop.
    Run(Box<RunConfig>),
    /// Bring the database to the present schema, and end.
    Migrate(DatabaseConfig),
    /// Ask the persister beside this process how it is; exit with 0 if well.
    Healthcheck(HealthcheckConfig),
    /// Provision chat rooms.
    Chats {
        /// What to do with them.
        #[command(subcommand)]
        action: ChatsAction,
    },
    /// Import what the server before this one had.
    Import(ImportConfig),
    /// Look after commands that could not be carried out.
    SetAside {
        /// What to do with them.
        #[command(subcommand)]
        action: SetAsideAction,
    },
}

/// One thing to do with commands that were set aside.
#[derive(Debug, Subcommand)]
pub enum SetAsideAction {
    /// Print them, oldest first.
    List {
        /// Where NATS is.
        #[command(flatten)]
        nats: NatsConfig,
        /// One JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Send them again, once what was in their way is gone. Each takes effect at most once.
    Replay {
        /// Where NATS is.
        #[command(flatten)]
        nats: NatsConfig,
        /// Which of them.
        #[command(flatten)]
        which: Which,
    },
    /// Remove them for good.
    Drop {
        /// Where NATS is.
        #[command(flatten)]
        nats: NatsConfig,
        /// Which of them.
        #[command(flatten)]
        which: Which,
    },
}

/// One of the commands that were set aside, or all.
#[derive(Debug, Clone, Copy, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Its number, as listed.
    pub seq: Option<u64>,
    /// All that are there now.
    #[arg(long)]
    pub all: bool,
}

/// One thing to do with chat rooms.
#[derive(Debug, Subcommand)]
pub enum ChatsAction {
    /// Print all of them.
    List {
        /// Where they are.
        #[command(flatten)]
        database: DatabaseConfig,
        /// One JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Open one and print its id.
    Add {
        /// Where they are.
        #[command(flatten)]
        database: DatabaseConfig,
        /// Its country, by ISO 3166-1 alpha-2 code.
        #[arg(long)]
        country: String,
        /// Its name.
        #[arg(long)]
        name: String,
        /// For at most two people, who alone can subscribe, type and read what happened.
        #[arg(long)]
        private: bool,
        /// Of a private chat: a user who is a member from the start; once or twice. Without, whoever joins first has
        /// the place.
        #[arg(long = "member", requires = "private")]
        members: Vec<shared::id::UserId>,
    },
    /// Close one: all memberships in it end. Its events stay.
    Remove {
        /// Where they are.
        #[command(flatten)]
        database: DatabaseConfig,
        /// Its id.
        id: shared::id::ChatId,
    },
}

/// Which database.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseConfig {
    /// `postgres://user@host/name`, with `?sslmode=verify-full&sslrootcert=file` where the network is not trusted, or
    /// `sqlite://file`, which is created when missing.
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://persister.db?mode=rwc",
        hide_env_values = true
    )]
    pub database_url: DatabaseUrl,

    /// File whose first line is the password of the user in --database-url; it is read at start.
    #[arg(long, env = "DATABASE_PASSWORD_FILE")]
    pub database_password_file: Option<PathBuf>,
}

impl DatabaseConfig {
    /// The address, with the password from its file if there is one.
    ///
    /// # Errors
    /// A sentence that names the file and never repeats what is in it.
    pub fn address(&self) -> Result<DatabaseUrl, BadSettings> {
        let Some(file) = &self.database_password_file else {
            return Ok(self.database_url.clone());
        };
        let wrong = |why: String| {
            BadSettings(format!(
                "--database-password-file {}: {why}",
                file.display()
            ))
        };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let password = text.lines().next().unwrap_or_default().trim_end();
        if password.is_empty() {
            return Err(wrong("it holds no password".to_owned()));
        }
        self.database_url
            .with_password(password)
            .map_err(|error| wrong(format!("--database-url {error}")))
    }
}

/// Settings of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunConfig {
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// Number of partitions, from 1 to 64: how many persisters can share the work. Fixed at first start.
    #[arg(long, env = "PARTITIONS", default_value = "1")]
    pub partitions: PartitionCount,

    /// How long a silent owner keeps a partition before another persister takes it.
    #[arg(long, env = "LEASE_TTL", default_value = "1500ms", value_parser = duration)]
    pub lease_ttl: Duration,

    /// How long somebody who started to type is typing without saying so again; then the system says that they
    /// stopped. `0ms`: for as long as they stay in the chat and are connected.
    #[arg(long, env = "TYPING_LEASE", default_value = "60s", value_parser = duration)]
    pub typing_lease: Duration,

    /// How long START_TYPING and STOP_TYPING events are kept in the database: at least `24h`, or `forever`.
    #[arg(long, env = "KEEP_TYPING", default_value = "7d")]
    pub keep_typing: Keep,

    /// How long JOIN and LEAVE events are kept in the database: at least `24h`, or `forever`. Memberships stay.
    #[arg(long, env = "KEEP_MEMBERSHIP", default_value = "forever")]
    pub keep_membership: Keep,

    /// Longest wait at shutdown for what is in hand to be stored and published.
    #[arg(long, env = "DRAIN_MAX", default_value = "10s", value_parser = duration)]
    pub drain_max: Duration,

    /// Bring the database to the present schema at start (the default).
    #[arg(long, overrides_with = "no_migrate")]
    pub migrate: bool,

    /// Leave the schema alone at start and wait until `persister migrate` has brought it to what is needed.
    #[arg(long, env = "NO_MIGRATE", overrides_with = "migrate", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_migrate: bool,

    /// Where NATS is.
    #[command(flatten)]
    pub nats: NatsConfig,

    /// Bounds of the streams.
    #[command(flatten)]
    pub streams: StreamLimits,

    /// Bound of the stream of commands that cannot be carried out, in bytes. When it is full, a partition that
    /// meets another one waits until `persister set-aside` has made room.
    #[arg(long, env = "SET_ASIDE_STREAM_BYTES_MAX", default_value_t = 16 << 20, value_parser = clap::value_parser!(i64).range(1 << 20..), help_heading = "Streams")]
    pub set_aside_stream_bytes_max: i64,

    /// Probes and metrics.
    #[command(flatten)]
    pub admin: AdminConfig,

    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

impl RunConfig {
    /// Checks what no single setting can.
    pub fn check(&self) -> Result<(), BadSettings> {
        self.nats.check()?;
        self.database.address()?;
        let wrong = |what: &str| Err(BadSettings(what.to_owned()));
        if !(LEASE_TTL_MIN..=LEASE_TTL_MAX).contains(&self.lease_ttl) {
            return wrong("--lease-ttl must be from 200ms to 1m");
        }
        for (keep, name) in [
            (self.keep_typing, "--keep-typing"),
            (self.keep_membership, "--keep-membership"),
        ] {
            if !keep.covers_idempotency_window() {
                // A repeated idempotency-key would find no event and take effect again.
                return wrong(&format!("{name} must be at least 24h"));
            }
        }
        Ok(())
    }

    /// How long events are kept.
    pub fn retention(&self) -> Retention {
        Retention {
            typing: self.keep_typing,
            membership: self.keep_membership,
        }
    }
}

impl Cli {
    /// The task, with `run` for none.
    pub fn into_task(self) -> Task {
        self.task.unwrap_or_else(|| Task::Run(Box::new(self.run)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(arguments: &[&str]) -> Result<Task, clap::Error> {
        Cli::try_parse_from([&["persister"], arguments].concat()).map(Cli::into_task)
    }

    #[test]
    fn no_task_means_run() {
        for arguments in [&["--partitions", "8"][..], &["run", "--partitions", "8"]] {
            match task(arguments).unwrap() {
                Task::Run(run) => assert_eq!(run.partitions.get(), 8),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_later_of_migrate_and_no_migrate_counts() {
        for (arguments, expected) in [
            (&["run"][..], false),
            (&["run", "--no-migrate"], true),
            (&["run", "--no-migrate", "--migrate"], false),
        ] {
            match task(arguments).unwrap() {
                Task::Run(run) => assert_eq!(run.no_migrate, expected, "{arguments:?}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn impossible_settings_are_refused() {
        for bad in [
            &["--partitions", "0"][..],
            &["--database-url", "mysql://x"],
            &["chats", "remove", "0"],
            &["--lease-ttl", "soon"],
            &["set-aside", "drop"],
            &["set-aside", "drop", "1", "--all"],
        ] {
            assert!(task(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn leases_and_retention_have_bounds() {
        for (flag, value, fine) in [
            ("--lease-ttl", "199ms", false),
            ("--lease-ttl", "1500ms", true),
            ("--lease-ttl", "61s", false),
            ("--keep-typing", "23h", false),
            ("--keep-typing", "1d", true),
            ("--keep-membership", "1h", false),
            ("--keep-membership", "forever", true),
        ] {
            match task(&[flag, value]).unwrap() {
                Task::Run(run) => assert_eq!(run.check().is_ok(), fine, "{flag} {value}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
