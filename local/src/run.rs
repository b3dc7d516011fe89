//! One run of the whole system: the checks, the start, the end.

use std::path::Path;

use anyhow::Context;

use crate::config::{Auth, Config, Database};
use crate::daemon::Daemon;
use crate::postgres::{Durability, PostgresServer, PostgresSpec};
use crate::preflight::{self, DataFolder};
use crate::process::LineListener;
use crate::programs::Programs;
use crate::secret;
use crate::summary::{self, Summary, Tokens};
use crate::system::{System, SystemSpec, sqlite_url};

/// The database of a PostgreSQL of our own.
const DATABASE: &str = "chat";

/// Everything that can be known before the first process is started.
pub fn check(config: &Config) -> anyhow::Result<(Programs, DataFolder)> {
    let programs = config.folders.programs()?;
    let claimed = preflight::claim_data_folder(&config.data, preflight::FREE_BYTES_MIN)?;
    for gateway in config.gateway_addresses() {
        preflight::check_port(gateway, "PORT", "--port")?;
    }
    let nats = ([127, 0, 0, 1], config.nats_port).into();
    preflight::check_port(nats, "NATS_PORT", "--nats-port")?;
    Ok((programs, claimed))
}

/// The system and, where we run it, its database server.
pub struct Run {
    system: System,
    postgres: Option<PostgresServer>,
    database: String,
    tokens: Option<Tokens>,
}

impl Run {
    /// Starts everything and waits until all of it is ready.
    pub async fn start(
        config: &Config,
        programs: Programs,
        listener: LineListener,
    ) -> anyhow::Result<Self> {
        let store = std::path::absolute(config.store())?;
        std::fs::create_dir_all(&store)?;
        std::fs::create_dir_all(config.logs())?;
        let (postgres, database_url, database) = database(config, &store, &listener).await?;
        let mut gateway_args = playground_args(config)?;
        let mut tokens = None;
        if config.auth == Auth::Jwt {
            let file = std::path::absolute(config.secret())?;
            secret::make(&file)?;
            let text = file.to_str().context("the data folder's name is no text")?;
            let args = ["--auth", "jwt", "--jwt-secret-file", text];
            gateway_args.extend(args.map(str::to_owned));
            tokens = Some(Tokens {
                gateway: summary::relative(&programs.gateway),
                secret: summary::relative(&file),
            });
        }
        let system = System::start(&SystemSpec {
            programs,
            nats_port: match config.nats_port {
                0 => preflight::free_port()?,
                port => port,
            },
            gateways: config.gateway_addresses(),
            persisters: config.persisters,
            partitions: config.partition_count(),
            database_url,
            daemon_args: Vec::new(),
            gateway_args,
            nats_store: store.join("nats"),
            logs: config.logs(),
            listener: Some(listener),
        })
        .await?;
        Ok(Self {
            system,
            postgres,
            database,
            tokens,
        })
    }

    /// What to tell the person who started it.
    pub fn summary(&self, config: &Config) -> Summary {
        let daemons = self.system.gateways.iter().chain(&self.system.persisters);
        Summary {
            gateways: self.system.gateways.iter().map(Daemon::listen).collect(),
            daemons: daemons
                .map(|daemon| (daemon.name().to_owned(), daemon.admin(), daemon.log()))
                .collect(),
            nats: self.system.nats.url(),
            database: self.database.clone(),
            data: summary::relative(&config.data),
            node: summary::node_version(),
            playground: config.playground_folder().is_some(),
            tokens: self.tokens.clone(),
        }
    }

    /// Waits until something ends although nobody asked it to, and says what and how.
    pub async fn first_end(&self) -> String {
        match &self.postgres {
            None => self.system.first_end().await,
            Some(postgres) => tokio::select! {
                end = self.system.first_end() => end,
                status = postgres.process().ended() => postgres.process().obituary(status),
            },
        }
    }

    /// Stops everything in order. The database last: persisters still write while they drain.
    pub async fn stop(self) -> anyhow::Result<()> {
        let stopped = self.system.stop().await;
        if let Some(postgres) = self.postgres {
            postgres.stop().await?;
        }
        stopped
    }
}

/// What makes the gateways serve the playground, if there is one.
fn playground_args(config: &Config) -> anyhow::Result<Vec<String>> {
    let Some(folder) = config.playground_folder() else {
        return Ok(Vec::new());
    };
    let folder = std::path::absolute(folder)?;
    let folder = folder
        .to_str()
        .context("the playground's folder is no text")?;
    Ok(vec!["--playground".to_owned(), folder.to_owned()])
}

/// A server of our own if we need one, the database's URL, and what to call it.
async fn database(
    config: &Config,
    store: &Path,
    listener: &LineListener,
) -> anyhow::Result<(Option<PostgresServer>, String, String)> {
    match config.database() {
        Database::Given(url) => {
            let shown = summary::without_password(&url);
            Ok((None, url, shown))
        }
        Database::Sqlite => {
            let file = store.join("persister.db");
            let shown = format!("SQLite, {}", summary::relative(&file).display());
            Ok((None, sqlite_url(&file)?, shown))
        }
        Database::OwnPostgres => {
            let server = PostgresServer::start(PostgresSpec {
                programs: config.folders.postgres()?,
                data: store.join("cluster"),
                logs: config.logs(),
                durability: Durability::PowerLoss,
                listener: Some(listener.clone()),
            })
            .await?;
            server.create_database(DATABASE)?;
            let shown = format!("PostgreSQL, {}", server.psql(DATABASE));
            let url = server.url(DATABASE);
            Ok((Some(server), url, shown))
        }
    }
}
