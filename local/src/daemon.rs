//! A gateway or a persister as a process: started, known by its ready line, broken and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;

use crate::log_line::LogLine;
use crate::process::{LineListener, Process, ProcessSpec};
use crate::reaper::LastSignal;
use crate::{preflight, probe};

/// Longest wait for the ready line; a persister migrates its database before it.
const START_MAX: Duration = Duration::from_mins(1);
/// Longest wait for `/readyz`: NATS connected, leases taken, every partition heard of.
const READY_MAX: Duration = Duration::from_secs(30);
/// Longest wait for a daemon to drain; longer than the daemons' own deadlines.
const STOP_MAX: Duration = Duration::from_secs(40);

/// What to start.
#[derive(Clone)]
pub struct DaemonSpec {
    /// `gateway` or `persister`, which its ready line repeats.
    pub kind: &'static str,
    /// Which of them, from 1.
    pub number: u16,
    /// The program.
    pub program: PathBuf,
    /// Its arguments, without addresses and log settings.
    pub args: Vec<String>,
    /// Variables on top of our own environment.
    pub env: Vec<(&'static str, String)>,
    /// Where a gateway serves clients; port 0 takes a free one. `None` for a persister.
    pub listen: Option<SocketAddr>,
    /// Folder of the log file.
    pub logs: PathBuf,
    /// Hears its log lines.
    pub listener: Option<LineListener>,
}

/// A daemon that runs, or that was ended and can be started again where it was.
pub struct Daemon {
    spec: DaemonSpec,
    ready: Ready,
    process: Process,
}

/// What the ready line says.
#[derive(Debug, Clone, Copy)]
struct Ready {
    listen: Option<SocketAddr>,
    admin: SocketAddr,
}

impl Daemon {
    /// Starts it and waits for its ready line.
    pub async fn start(spec: DaemonSpec) -> anyhow::Result<Self> {
        // Not port 0: while the daemon is down for a moment, an outgoing connection could take such a port.
        let admin = SocketAddr::from(([127, 0, 0, 1], preflight::free_port()?));
        let (process, ready) = run(&spec, spec.listen, admin).await?;
        Ok(Self {
            spec,
            ready,
            process,
        })
    }

    /// `gateway-1`, as files and messages call it.
    pub fn name(&self) -> &str {
        self.process.name()
    }

    /// Where a gateway serves clients.
    ///
    /// # Panics
    /// For a persister, which serves none.
    pub fn listen(&self) -> SocketAddr {
        self.ready.listen.expect("only gateways are asked for this")
    }

    /// Its administration port.
    pub fn admin(&self) -> SocketAddr {
        self.ready.admin
    }

    /// Its log file.
    pub fn log(&self) -> PathBuf {
        log_file(&self.spec.logs, self.name())
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until it says that it can do its work.
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        tokio::select! {
            ready = probe::wait_readyz(self.admin(), 200, READY_MAX) => {
                ready.with_context(|| format!("{} does not become ready", self.name()))
            }
            status = self.process.ended() => Err(anyhow::anyhow!(self.process.obituary(status))),
        }
    }

    /// SIGKILL, as a crash would.
    pub async fn kill(&self) {
        self.process.kill().await;
    }

    /// SIGSTOP: alive and deaf, as on a starved machine.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }

    /// SIGTERM, and waits for it to drain.
    pub async fn stop(&self) -> anyhow::Result<ExitStatus> {
        self.process.stop(Signal::TERM, STOP_MAX).await
    }

    /// Starts it again after its end, on the same addresses.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let (process, ready) = run(&self.spec, self.ready.listen, self.ready.admin).await?;
        self.process = process;
        self.ready = ready;
        Ok(())
    }
}

async fn run(
    spec: &DaemonSpec,
    listen: Option<SocketAddr>,
    admin: SocketAddr,
) -> anyhow::Result<(Process, Ready)> {
    let name = format!("{}-{}", spec.kind, spec.number);
    let mut args = spec.args.clone();
    if let Some(listen) = listen {
        args.extend(["--listen".to_owned(), listen.to_string()]);
    }
    args.extend(["--admin-listen".to_owned(), admin.to_string()]);
    args.extend(["--log-format".to_owned(), "json".to_owned()]);
    let process = Process::spawn(&ProcessSpec {
        log: log_file(&spec.logs, &name),
        name,
        program: spec.program.clone(),
        args: args.into_iter().map(Into::into).collect(),
        env: spec.env.clone(),
        folder: None,
        run_as: None,
        last_signal: LastSignal::Kill,
        listener: spec.listener.clone(),
    })?;
    let ready_message = format!("{} ready", spec.kind);
    let ready = process
        .wait_for_line("started", START_MAX, |line| {
            let line = LogLine::parse(line)?;
            let ready = Ready {
                listen: line.address("listen"),
                admin: line.address("admin")?,
            };
            (line.message() == ready_message).then_some(ready)
        })
        .await?;
    Ok((process, ready))
}

fn log_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}
