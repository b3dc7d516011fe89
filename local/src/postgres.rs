//! A PostgreSQL server of our own, from installed programs, reachable through a Unix socket only.
//!
//! It trusts whoever can open the socket, which lies in a folder that only we can enter.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{LineListener, Process, ProcessSpec, RunAs};
use crate::reaper::LastSignal;

/// Longest wait for it to accept connections; after a crash it replays its log first.
const START_MAX: Duration = Duration::from_mins(1);
/// Longest wait for it to stop.
const STOP_MAX: Duration = Duration::from_secs(20);
/// The superuser of the cluster, and whom the persisters connect as.
const USER: &str = "chat";
/// The file name of a server's socket, which ends in the port it would have over TCP.
const SOCKET_NAME: &str = ".s.PGSQL.5432";
/// Whom to run as when we are root, which PostgreSQL refuses to be: the first that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Whether data must survive a power loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    PowerLoss,
    /// Only the loss of the process: for tests, which are faster so.
    ProcessLoss,
}

/// What to start.
pub struct PostgresSpec {
    /// Folder of `initdb` and `postgres`.
    pub programs: PathBuf,
    /// The cluster; made when it is not there.
    pub data: PathBuf,
    /// Folder of the log file.
    pub logs: PathBuf,
    /// What to sync.
    pub durability: Durability,
    /// Hears its log lines.
    pub listener: Option<LineListener>,
}

/// A running server, or one that was stopped and can be started again.
pub struct PostgresServer {
    programs: PathBuf,
    run_as: Option<RunAs>,
    process_spec: ProcessSpec,
    process: Process,
    /// Socket paths have a limit of about 100 octets, which the data folder may exceed.
    socket: TempDir,
}

impl PostgresServer {
    /// Makes the cluster if need be and starts the server.
    pub async fn start(spec: PostgresSpec) -> anyhow::Result<Self> {
        Self::start_with(spec, |_| Ok(Vec::new())).await
    }

    /// The same with more arguments, made once the cluster is there: for who changes its files too.
    pub async fn start_with(
        spec: PostgresSpec,
        more: impl FnOnce(&Path) -> anyhow::Result<Vec<OsString>>,
    ) -> anyhow::Result<Self> {
        let run_as = if rustix::process::geteuid().is_root() {
            Some(unprivileged_user()?)
        } else {
            None
        };
        if !spec.data.join("PG_VERSION").exists() {
            make_cluster(&spec, run_as)?;
        }
        let socket = TempDir::with_prefix("chat-postgres-")?;
        give(socket.path(), run_as)?;
        let mut args: Vec<OsString> = vec![
            "-D".into(),
            spec.data.as_os_str().into(),
            "-k".into(),
            socket.path().into(),
            "-c".into(),
            "listen_addresses=".into(),
        ];
        if spec.durability == Durability::ProcessLoss {
            args.extend(["-c".into(), "fsync=off".into()]);
        }
        args.extend(more(&spec.data)?);
        let process_spec = ProcessSpec {
            name: "postgres".to_owned(),
            program: spec.programs.join("postgres"),
            args,
            env: Vec::new(),
            folder: Some(spec.data.clone()),
            run_as,
            log: spec.logs.join("postgres.log"),
            last_signal: LastSignal::Quit,
            listener: spec.listener,
        };
        let process = run(&process_spec).await?;
        Ok(Self {
            programs: spec.programs,
            run_as,
            process_spec,
            process,
            socket,
        })
    }

    /// For `--database-url`.
    pub fn url(&self, database: &str) -> String {
        let socket = self.socket.path().display();
        format!("postgres://{USER}@localhost/{database}?host={socket}")
    }

    /// The Unix socket it listens on.
    pub fn socket(&self) -> PathBuf {
        self.socket.path().join(SOCKET_NAME)
    }

    /// For `--database-url` of whoever reaches the socket through a proxy on `address`.
    pub fn url_through(address: SocketAddr, database: &str) -> String {
        format!("postgres://{USER}@{address}/{database}?sslmode=disable")
    }

    /// How a person looks into it.
    pub fn psql(&self, database: &str) -> String {
        format!(
            "psql -h {} -U {USER} {database}",
            self.socket.path().display()
        )
    }

    /// Creates a database unless it exists.
    pub fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let mut createdb = Command::new(self.programs.join("createdb"));
        createdb
            .env("LC_ALL", "C")
            .arg("-h")
            .arg(self.socket.path())
            .args(["-U", USER, name]);
        let output = as_user(&mut createdb, self.run_as)
            .current_dir(self.socket.path())
            .output()
            .context("cannot run createdb")?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() && !said.contains("already exists") {
            bail!("createdb failed: {}", said.trim());
        }
        Ok(())
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Stops it without telling anybody, as a crash would (`pg_ctl stop -m immediate`).
    pub async fn stop_immediately(&self) -> anyhow::Result<ExitStatus> {
        self.process.stop(Signal::QUIT, STOP_MAX).await
    }

    /// SIGKILL to the first of its processes; the others notice and end by themselves, a moment later.
    pub async fn kill(&self) {
        self.process.kill().await;
    }

    /// SIGSTOP to all of its processes, or SIGCONT. Those it starts meanwhile do not exist: it is stopped itself.
    pub fn signal_all(&self, signal: Signal) {
        if signal == Signal::STOP {
            self.process.signal(signal);
        }
        self.process.signal_children(signal);
        if signal != Signal::STOP {
            self.process.signal(signal);
        }
    }

    /// Starts it again, reachable through a port of loopback instead of its socket: for programs that know no Unix
    /// sockets. Returns the address.
    pub async fn move_to_port(&mut self, port: u16) -> anyhow::Result<SocketAddr> {
        self.stop().await?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // Of a setting given twice, the last counts.
        let listen = format!("listen_addresses={}", address.ip());
        let args = ["-c", &listen, "-p", &port.to_string()].map(OsString::from);
        self.process_spec.args.extend(args);
        self.restart().await?;
        Ok(address)
    }

    /// Starts it again after its end.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = run(&self.process_spec).await?;
        Ok(())
    }

    /// Ends all connections and stops it in order (`pg_ctl stop -m fast`).
    pub async fn stop(&self) -> anyhow::Result<ExitStatus> {
        self.process.stop(Signal::INT, STOP_MAX).await
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // SIGKILL would leave its children behind for a moment, and with them files in its folder.
        self.process.stop_blocking(Signal::QUIT, STOP_MAX);
    }
}

async fn run(spec: &ProcessSpec) -> anyhow::Result<Process> {
    let process = Process::spawn(spec)?;
    process
        .wait_for_line("ready", START_MAX, |line| {
            line.contains("database system is ready to accept connections")
                .then_some(())
        })
        .await?;
    Ok(process)
}

/// Makes it beside its place and moves it there whole: an interrupted first start leaves nothing half made.
fn make_cluster(spec: &PostgresSpec, run_as: Option<RunAs>) -> anyhow::Result<()> {
    let unfinished = spec.data.with_extension("unfinished");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)?;
    }
    std::fs::create_dir(&unfinished)
        .with_context(|| format!("cannot create {}", unfinished.display()))?;
    give(&unfinished, run_as)?;
    let mut initdb = Command::new(spec.programs.join("initdb"));
    initdb.arg("-D").arg(&unfinished);
    initdb.args(["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]);
    if spec.durability == Durability::ProcessLoss {
        initdb.arg("--no-sync");
    }
    let output = as_user(&mut initdb, run_as)
        .current_dir("/")
        .output()
        .context("cannot run initdb")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let user = run_as.map_or("this user", |_| "root's stand-in for PostgreSQL");
        bail!(
            "initdb failed in {}, which {user} must be able to reach: {}",
            unfinished.display(),
            said.trim()
        );
    }
    std::fs::rename(&unfinished, &spec.data)?;
    Ok(())
}

fn as_user(command: &mut Command, run_as: Option<RunAs>) -> &mut Command {
    if let Some(RunAs { uid, gid }) = run_as {
        command.uid(uid).gid(gid);
    }
    command
}

fn give(folder: &Path, run_as: Option<RunAs>) -> anyhow::Result<()> {
    if let Some(RunAs { uid, gid }) = run_as {
        chown(folder, Some(uid), Some(gid))
            .with_context(|| format!("cannot give {} away", folder.display()))?;
    }
    Ok(())
}

fn unprivileged_user() -> anyhow::Result<RunAs> {
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read the list of users")?;
    UNPRIVILEGED
        .iter()
        .find_map(|name| find_user(&users, name))
        .context("PostgreSQL refuses to run as root, and there is no other user to run it as")
}

/// A line of `/etc/passwd` is `name:password:uid:gid:…`.
fn find_user(users: &str, name: &str) -> Option<RunAs> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(name);
        let mut ids = fields.skip(1).map(str::parse);
        let (uid, gid) = (ids.next()?.ok()?, ids.next()?.ok()?);
        found.then_some(RunAs { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:104::/:\n";
        let expected = RunAs { uid: 101, gid: 104 };
        assert_eq!(find_user(users, "postgres"), Some(expected));
        assert_eq!(find_user(users, "nobody"), None);
    }
}
