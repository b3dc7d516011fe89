//! Three NATS servers as one JetStream cluster on loopback, for tests that take them down one at a time.
//!
//! They do not advertise each other to clients (`no_advertise`), so that a client stays on the addresses it was
//! given: those may be of a [`crate::proxy`], which a client that learnt the servers' own addresses would bypass.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::process::{LineListener, Process, ProcessSpec};
use crate::reaper::LastSignal;
use crate::{nats, preflight, probe};

/// The least that survives the loss of one.
pub const NODES: usize = 3;

/// Longest wait for a node to be healthy: an election takes up to 9 s, and a node that was away copies what it
/// missed.
const HEALTHY_MAX: Duration = Duration::from_mins(1);
/// How often health is asked for. Nothing tells us when it changes.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Longest wait for a node to stop.
const STOP_MAX: Duration = Duration::from_secs(10);

/// What to start.
pub struct NatsClusterSpec {
    /// nats-server.
    pub program: PathBuf,
    /// Folder of all nodes' streams.
    pub store: PathBuf,
    /// Folder of the log files.
    pub logs: PathBuf,
    /// Hears the nodes' log lines.
    pub listener: Option<LineListener>,
}

/// A running cluster.
pub struct NatsCluster {
    nodes: Vec<NatsNode>,
}

/// One server of a cluster.
pub struct NatsNode {
    spec: ProcessSpec,
    ports: Ports,
    process: Process,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    clients: u16,
    routes: u16,
    monitor: u16,
}

impl NatsCluster {
    /// Starts all nodes and waits until each is healthy, which takes a few seconds: they elect a leader.
    pub async fn start(spec: &NatsClusterSpec) -> anyhow::Result<Self> {
        let ports = [(); NODES].map(|()| Ports::free());
        let ports: Vec<Ports> = ports.into_iter().collect::<anyhow::Result<_>>()?;
        let mut nodes = Vec::new();
        for index in 0..NODES {
            nodes.push(NatsNode::start(spec, index, &ports).await?);
        }
        for node in &nodes {
            node.wait_healthy().await?;
        }
        Ok(Self { nodes })
    }

    /// The nodes.
    pub fn nodes(&self) -> &[NatsNode] {
        &self.nodes
    }

    /// One of the nodes, to break it.
    pub fn node_mut(&mut self, index: usize) -> &mut NatsNode {
        &mut self.nodes[index]
    }

    /// Stops all nodes in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        for node in &self.nodes {
            node.stop().await?;
        }
        Ok(())
    }
}

impl NatsNode {
    async fn start(spec: &NatsClusterSpec, index: usize, all: &[Ports]) -> anyhow::Result<Self> {
        let name = format!("nats-{}", index + 1);
        let store = spec.store.join(&name);
        let config = store.join("nats.conf");
        std::fs::create_dir_all(&store)?;
        std::fs::write(&config, configuration(&name, &store, all[index], all))?;
        let spec = ProcessSpec {
            log: spec.logs.join(format!("{name}.log")),
            name,
            program: spec.program.clone(),
            args: vec![OsString::from("--config"), config.into()],
            env: Vec::new(),
            folder: None,
            run_as: None,
            last_signal: LastSignal::Kill,
            listener: spec.listener.clone(),
        };
        let process = nats::run(&spec).await?;
        Ok(Self {
            spec,
            ports: all[index],
            process,
        })
    }

    /// Where it serves clients.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.clients).into()
    }

    /// For `--nats-url`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// SIGKILL, as a crash would.
    pub async fn kill(&self) {
        self.process.kill().await;
    }

    /// Starts it again after its end, on the same ports and data.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = nats::run(&self.spec).await?;
        Ok(())
    }

    /// Lets it finish and stops it.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.process.stop(Signal::TERM, STOP_MAX).await.map(drop)
    }

    /// Waits until it says that it has a leader and has caught up (`/healthz`).
    pub async fn wait_healthy(&self) -> anyhow::Result<()> {
        let monitor = (Ipv4Addr::LOCALHOST, self.ports.monitor).into();
        let deadline = Instant::now() + HEALTHY_MAX;
        loop {
            match probe::get(monitor, "/healthz").await {
                Ok((200, _)) => return Ok(()),
                _ if Instant::now() < deadline => sleep(POLL_INTERVAL).await,
                Ok((status, body)) => bail!(
                    "{} still answers {status} ({}) after {HEALTHY_MAX:?}",
                    self.process.name(),
                    body.trim()
                ),
                Err(error) => bail!("{} does not answer: {error}", self.process.name()),
            }
        }
    }
}

impl Ports {
    fn free() -> anyhow::Result<Self> {
        Ok(Self {
            clients: preflight::free_port()?,
            routes: preflight::free_port()?,
            monitor: preflight::free_port()?,
        })
    }
}

/// A node's configuration file.
fn configuration(name: &str, store: &Path, own: Ports, all: &[Ports]) -> String {
    let routes: Vec<String> = all
        .iter()
        .map(|ports| format!("nats://127.0.0.1:{}", ports.routes))
        .collect();
    let (clients, cluster, monitor) = (own.clients, own.routes, own.monitor);
    let (store, routes) = (store.display(), routes.join(", "));
    let limit = nats::FILE_STORE_MAX;
    format!(
        "server_name: {name}\n\
         listen: 127.0.0.1:{clients}\n\
         http: 127.0.0.1:{monitor}\n\
         jetstream {{ store_dir: \"{store}\", max_file_store: {limit} }}\n\
         cluster {{\n  name: local\n  listen: 127.0.0.1:{cluster}\n  no_advertise: true\n  routes: [{routes}]\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_own_ports_and_everybodys_routes() {
        let ports = |clients| Ports {
            clients,
            routes: clients + 1,
            monitor: clients + 2,
        };
        let all = [ports(10), ports(20), ports(30)];
        let text = configuration("nats-2", Path::new("/store"), all[1], &all);
        for line in [
            "server_name: nats-2",
            "listen: 127.0.0.1:20",
            "http: 127.0.0.1:22",
            "  listen: 127.0.0.1:21",
            "  routes: [nats://127.0.0.1:11, nats://127.0.0.1:21, nats://127.0.0.1:31]",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
