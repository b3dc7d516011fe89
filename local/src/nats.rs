//! A NATS server of our own, with JetStream, on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{LineListener, Process, ProcessSpec};
use crate::reaper::LastSignal;

/// Longest wait for it to listen; recovering large streams takes a while.
const START_MAX: Duration = Duration::from_secs(30);
/// Longest wait for it to stop.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Bound of JetStream's file store. By itself it takes three quarters of the disk that is free at its start, so
/// that a second run on a fuller disk could find its own streams too large.
pub(crate) const FILE_STORE_MAX: &str = "64GB";

/// What a server gets besides its streams.
#[derive(Debug, Clone, Default)]
pub struct NatsExtras {
    /// More of its configuration. What that includes lies beside it, in the folder of the streams.
    pub config: String,
    /// Variables, which the configuration may refer to.
    pub env: Vec<(&'static str, String)>,
}

/// A running server, or one that was killed and can be started again on the same port and data.
pub struct NatsServer {
    spec: ProcessSpec,
    port: u16,
    process: Process,
}

impl NatsServer {
    /// Starts `program` on `port` with its streams in `store` and its log in `logs`.
    pub async fn start(
        program: &Path,
        port: u16,
        store: &Path,
        logs: &Path,
        listener: Option<LineListener>,
    ) -> anyhow::Result<Self> {
        Self::start_with(program, port, store, logs, listener, NatsExtras::default()).await
    }

    /// The same with more configuration, such as users and TLS.
    pub async fn start_with(
        program: &Path,
        port: u16,
        store: &Path,
        logs: &Path,
        listener: Option<LineListener>,
        extras: NatsExtras,
    ) -> anyhow::Result<Self> {
        let config = store.join("nats.conf");
        std::fs::create_dir_all(store)?;
        std::fs::write(
            &config,
            format!(
                "jetstream {{ max_file_store: {FILE_STORE_MAX} }}\n{}",
                extras.config
            ),
        )?;
        let spec = ProcessSpec {
            name: "nats".to_owned(),
            program: PathBuf::from(program),
            args: vec![
                "--config".into(),
                config.into(),
                "--addr".into(),
                Ipv4Addr::LOCALHOST.to_string().into(),
                "--port".into(),
                port.to_string().into(),
                "--jetstream".into(),
                "--store_dir".into(),
                store.into(),
            ],
            env: extras.env,
            folder: None,
            run_as: None,
            log: logs.join("nats.log"),
            last_signal: LastSignal::Kill,
            listener,
        };
        let process = run(&spec).await?;
        Ok(Self {
            spec,
            port,
            process,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
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

    /// Starts it again after [`Self::kill`].
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = run(&self.spec).await?;
        Ok(())
    }

    /// Lets it finish and stops it.
    pub async fn stop(&self) -> anyhow::Result<ExitStatus> {
        self.process.stop(Signal::TERM, STOP_MAX).await
    }
}

/// Starts a server and waits until it serves clients.
pub(crate) async fn run(spec: &ProcessSpec) -> anyhow::Result<Process> {
    let process = Process::spawn(spec)?;
    process
        .wait_for_line("ready", START_MAX, |line| {
            line.contains("Server is ready").then_some(())
        })
        .await?;
    Ok(process)
}
