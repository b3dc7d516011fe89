//! The system that is broken: real processes, with a proxy in every connection that is to be cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use local::daemon::{Daemon, DaemonSpec};
use local::nats_cluster::{NatsCluster, NatsClusterSpec};
use local::postgres::{Durability, PostgresServer, PostgresSpec};
use local::preflight;
use local::process::LineListener;
use local::programs::Programs;
use local::proxy::{Proxy, Target};
use local::system::without_rates;

use crate::plan::{GATEWAYS, PERSISTERS};
use crate::stomp::HEART_BEAT;

/// The database's name.
const DATABASE: &str = "chat";
/// More than persisters, so that each owns some and shares change.
const PARTITIONS: &str = "8";
/// Streams survive the loss of one node.
const STREAM_REPLICAS: &str = "3";
/// Countries with a second chat, whose members are counted over both.
const COUNTRIES_WITH_TWO: [&str; 2] = ["AF", "AX"];
/// The first chats that the migration makes, one per country, in the order of the countries.
const FIRST_CHATS: std::ops::RangeInclusive<i64> = 1..=6;

/// What the servers keep, below the folder of a run.
pub const DATA_FOLDERS: [&str; 2] = [NATS_FOLDER, POSTGRES_FOLDER];
const NATS_FOLDER: &str = "nats";
const POSTGRES_FOLDER: &str = "postgres";

/// What to start.
pub struct GroundSpec {
    /// From which programs.
    pub programs: Programs,
    /// Folder of PostgreSQL's server programs.
    pub postgres_programs: PathBuf,
    /// Folder of all data and logs.
    pub folder: PathBuf,
    /// How long typing goes on without a word from its author, if persisters know such a thing.
    pub typing_lease: Option<Duration>,
    /// Hears the log lines of everything.
    pub listener: LineListener,
}

/// A started system.
pub struct Ground {
    /// The bus.
    pub nats: NatsCluster,
    /// The database.
    pub postgres: PostgresServer,
    /// Those who store.
    pub persisters: Vec<Daemon>,
    /// Those whom clients connect to.
    pub gateways: Vec<Daemon>,
    /// From clients to each gateway.
    pub client_links: Vec<Proxy>,
    /// From each gateway to each NATS node.
    pub nats_links: Vec<Vec<Proxy>>,
    /// From each persister to each NATS node.
    pub persister_nats_links: Vec<Vec<Proxy>>,
    /// From each persister to the database.
    pub database_links: Vec<Proxy>,
    /// The database, past all proxies.
    pub database_url: String,
    /// The chats that there is life in.
    pub chats: Vec<i64>,
}

impl Ground {
    /// Starts everything and waits until all of it is ready.
    pub async fn start(spec: &GroundSpec) -> anyhow::Result<Self> {
        let logs = spec.folder.join("logs");
        let (nats, postgres) =
            tokio::try_join!(start_nats(spec, &logs), start_postgres(spec, &logs))?;
        postgres.create_database(DATABASE)?;
        let database_url = postgres.url(DATABASE);

        let mut persister_nats_links = Vec::new();
        let mut database_links = Vec::new();
        let mut persisters = Vec::new();
        // One after the other: the first one migrates the database.
        for number in 0..PERSISTERS {
            let links = links_to_nats(&nats).await?;
            let link = proxy(Target::Unix(postgres.socket())).await?;
            let mut args = vec!["run".to_owned()];
            args.extend(["--partitions", PARTITIONS].map(str::to_owned));
            args.extend(["--stream-replicas", STREAM_REPLICAS].map(str::to_owned));
            if let Some(lease) = spec.typing_lease {
                args.extend([
                    "--typing-lease".to_owned(),
                    format!("{}ms", lease.as_millis()),
                ]);
            }
            let url = PostgresServer::url_through(link.address(), DATABASE);
            let daemon = daemon(spec, &logs, number, "persister", args, &links);
            persisters.push(
                Daemon::start(DaemonSpec {
                    env: vec![("DATABASE_URL", url)],
                    ..daemon
                })
                .await?,
            );
            persister_nats_links.push(links);
            database_links.push(link);
        }
        let chats = open_chats(&spec.programs.persister, &database_url)?;

        let (mut gateways, mut nats_links, mut client_links) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..GATEWAYS {
            let links = links_to_nats(&nats).await?;
            let beat = format!("{}ms", HEART_BEAT.as_millis());
            let args = ["--auth", "open", "--heart-beat-send", &beat].map(str::to_owned);
            let listen = (Ipv4Addr::LOCALHOST, preflight::free_port()?).into();
            let args = without_rates(args.into());
            let daemon = daemon(spec, &logs, number, "gateway", args, &links);
            gateways.push(
                Daemon::start(DaemonSpec {
                    listen: Some(listen),
                    ..daemon
                })
                .await?,
            );
            nats_links.push(links);
            client_links.push(proxy(Target::Tcp(listen)).await?);
        }
        let ground = Self {
            nats,
            postgres,
            persisters,
            gateways,
            client_links,
            nats_links,
            persister_nats_links,
            database_links,
            database_url,
            chats,
        };
        for daemon in ground.persisters.iter().chain(&ground.gateways) {
            daemon.wait_ready().await?;
        }
        Ok(ground)
    }

    /// Where clients connect.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.client_links.iter().map(Proxy::address).collect()
    }

    /// Where the daemons can be asked whether they are ready.
    pub fn admins(&self) -> Vec<SocketAddr> {
        let daemons = self.persisters.iter().chain(&self.gateways);
        daemons.map(Daemon::admin).collect()
    }
}

/// Whether persisters end typing by themselves.
pub fn knows_typing_lease(persister: &Path) -> anyhow::Result<bool> {
    let help = Command::new(persister).args(["run", "--help"]).output();
    let help = help.with_context(|| format!("cannot run {}", persister.display()))?;
    Ok(String::from_utf8_lossy(&help.stdout).contains("--typing-lease"))
}

async fn start_nats(spec: &GroundSpec, logs: &Path) -> anyhow::Result<NatsCluster> {
    NatsCluster::start(&NatsClusterSpec {
        program: spec.programs.nats_server.clone(),
        store: spec.folder.join(NATS_FOLDER),
        logs: logs.to_owned(),
        listener: Some(spec.listener.clone()),
    })
    .await
}

async fn start_postgres(spec: &GroundSpec, logs: &Path) -> anyhow::Result<PostgresServer> {
    PostgresServer::start(PostgresSpec {
        programs: spec.postgres_programs.clone(),
        data: spec.folder.join(POSTGRES_FOLDER),
        logs: logs.to_owned(),
        durability: Durability::ProcessLoss,
        listener: Some(spec.listener.clone()),
    })
    .await
}

fn daemon(
    spec: &GroundSpec,
    logs: &Path,
    index: usize,
    kind: &'static str,
    mut args: Vec<String>,
    links: &[Proxy],
) -> DaemonSpec {
    let urls: Vec<String> = links
        .iter()
        .map(|link| format!("nats://{}", link.address()))
        .collect();
    args.extend(["--nats-url".to_owned(), urls.join(",")]);
    let program = match kind {
        "persister" => &spec.programs.persister,
        _ => &spec.programs.gateway,
    };
    DaemonSpec {
        kind,
        number: u16::try_from(index + 1).expect("there are few daemons"),
        program: program.clone(),
        args,
        env: Vec::new(),
        listen: None,
        logs: logs.to_owned(),
        listener: Some(spec.listener.clone()),
    }
}

async fn links_to_nats(nats: &NatsCluster) -> anyhow::Result<Vec<Proxy>> {
    let mut links = Vec::new();
    for node in nats.nodes() {
        links.push(proxy(Target::Tcp(node.address())).await?);
    }
    Ok(links)
}

async fn proxy(target: Target) -> anyhow::Result<Proxy> {
    Ok(Proxy::start(preflight::free_port()?, target).await?)
}

/// The chats of the run: some that are the only one of their country, some that are not.
fn open_chats(persister: &Path, database_url: &str) -> anyhow::Result<Vec<i64>> {
    let mut chats: Vec<i64> = FIRST_CHATS.collect();
    for country in COUNTRIES_WITH_TWO {
        let output = Command::new(persister)
            .args(["chats", "add", "--country", country, "--name", "chaos"])
            .env("DATABASE_URL", database_url)
            .output()?;
        let id = String::from_utf8_lossy(&output.stdout).trim().parse();
        ensure!(
            output.status.success(),
            "persister chats add failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        chats.push(id.context("persister chats add prints no id")?);
    }
    Ok(chats)
}
