//! One child process: started, watched, signalled, never left behind.
//!
//! Its standard error goes line by line to a log file, to a short memory that error messages quote from, and
//! to a listener. Plain threads do the reading and the waiting, not tasks: a child may be shared by tests that
//! have a runtime each.

mod watch;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};
use tokio::time::timeout;

use self::watch::Watched;
use crate::reaper::{self, LastSignal};

/// Lines quoted when a child ends unexpectedly.
const LINES_QUOTED: usize = 12;
/// A killed process is gone at once, unless the kernel holds it in a device.
const KILL_MAX: Duration = Duration::from_secs(5);

/// Hears every line a child writes: the child's name, the line.
pub type LineListener = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// Another user to run as, for programs that refuse to be root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// What to start.
#[derive(Clone)]
pub struct ProcessSpec {
    /// What messages and files call it: `nats`, `gateway-1`.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables on top of our own environment; for what must not show in the list of processes.
    pub env: Vec<(&'static str, String)>,
    /// Where it runs; `None` is where we are.
    pub folder: Option<PathBuf>,
    /// As whom; `None` is who we are.
    pub run_as: Option<RunAs>,
    /// Gets a copy of its standard error; overwritten at every start.
    pub log: PathBuf,
    /// What it gets when we are gone.
    pub last_signal: LastSignal,
    /// Hears its lines.
    pub listener: Option<LineListener>,
}

/// A started child. Dropping it kills it.
pub struct Process {
    name: String,
    log: PathBuf,
    watched: Arc<Watched>,
}

impl Process {
    /// Starts it.
    pub fn spawn(spec: &ProcessSpec) -> anyhow::Result<Self> {
        let log = File::create(&spec.log)
            .with_context(|| format!("cannot write {}", spec.log.display()))?;
        let mut command = reaper::command(spec.last_signal, spec.program.as_os_str())?;
        command.args(&spec.args).stderr(Stdio::piped());
        command.envs(spec.env.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &spec.folder {
            command.current_dir(folder);
        }
        if let Some(RunAs { uid, gid }) = spec.run_as {
            command.uid(uid).gid(gid);
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", spec.name))?;
        let stderr = child.stderr.take().context("standard error is a pipe")?;
        let (name, listener) = (spec.name.clone(), spec.listener.clone());
        Ok(Self {
            name: spec.name.clone(),
            log: spec.log.clone(),
            watched: Watched::start(child, stderr, name, log, listener),
        })
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.watched.pid().as_raw_nonzero().get()
    }

    /// Signals it, and with SIGKILL its process group too; nothing happens when it has ended.
    pub fn signal(&self, signal: Signal) {
        self.watched.signal(signal);
    }

    /// Signals the processes it started itself, where the system tells which (Linux).
    pub fn signal_children(&self, signal: Signal) {
        let pid = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            if let Some(child) = child.parse().ok().and_then(Pid::from_raw) {
                // Fails only for one that has ended meanwhile.
                let _ = rustix::process::kill_process(child, signal);
            }
        }
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<ExitStatus> {
        self.watched.progress().borrow().exit
    }

    /// Waits for its end.
    pub async fn ended(&self) -> ExitStatus {
        let mut progress = self.watched.progress();
        let ended = progress.wait_for(|progress| progress.exit.is_some()).await;
        match ended.ok().and_then(|progress| progress.exit) {
            Some(status) => status,
            // The sender lives in `self.watched`.
            None => std::future::pending().await,
        }
    }

    /// Signals it and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time; it is killed then.
    pub async fn stop(&self, signal: Signal, wait_max: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(signal);
        if let Ok(status) = timeout(wait_max, self.ended()).await {
            return Ok(status);
        }
        self.kill().await;
        bail!(
            "{} did not stop within {wait_max:?} and was killed",
            self.name
        )
    }

    /// Signals it and blocks until it has ended or the time is over: for destructors.
    pub(crate) fn stop_blocking(&self, signal: Signal, wait_max: Duration) {
        self.signal(signal);
        self.watched.wait_blocking(wait_max);
    }

    /// SIGKILL, and waits for the end.
    pub async fn kill(&self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Waits for the first line, among those remembered and those to come, for which `find` gives something.
    ///
    /// # Errors
    /// When it ends or the time does, with its last lines.
    pub async fn wait_for_line<T>(
        &self,
        what: &str,
        wait_max: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut progress = self.watched.progress();
        let search = async {
            loop {
                let exit = progress.borrow_and_update().exit;
                if let Some(found) = self.lines().iter().find_map(|line| find(line)) {
                    return Ok(found);
                }
                if let Some(status) = exit {
                    bail!("{}", self.obituary(status));
                }
                progress.changed().await?;
            }
        };
        match timeout(wait_max, search).await {
            Ok(found) => found,
            Err(_) => bail!(
                "{} is not {what} after {wait_max:?}; its last lines, from {}:\n{}",
                self.name,
                self.log.display(),
                self.last_lines()
            ),
        }
    }

    /// The lines remembered, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.watched.lines()
    }

    /// That it ended, how, and what it said last.
    pub fn obituary(&self, status: ExitStatus) -> String {
        format!(
            "{} ended unexpectedly ({status}); its last lines, from {}:\n{}",
            self.name,
            self.log.display(),
            self.last_lines()
        )
    }

    fn last_lines(&self) -> String {
        let lines = self.lines();
        let quoted = &lines[lines.len().saturating_sub(LINES_QUOTED)..];
        format!("  {}", quoted.join("\n  "))
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also ends a stopped (SIGSTOP) process. Waited for, since the owner's next act may be to remove the
        // folder it writes to.
        self.stop_blocking(Signal::KILL, KILL_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// Nothing here takes that long.
    const WAIT_MAX: Duration = Duration::from_secs(20);

    fn shell(folder: &tempfile::TempDir, script: &str) -> Process {
        Process::spawn(&ProcessSpec {
            name: "child".to_owned(),
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![("SECRET", "s3cret".to_owned())],
            folder: None,
            run_as: None,
            log: folder.path().join("child.log"),
            last_signal: LastSignal::Kill,
            listener: None,
        })
        .unwrap()
    }

    fn exactly(wanted: &str) -> impl Fn(&str) -> Option<()> {
        move |line| (line == wanted).then_some(())
    }

    #[tokio::test]
    async fn lines_are_found_and_kept_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let child = shell(&folder, "echo first >&2; echo $SECRET >&2; exec sleep 600");
        let found = child
            .wait_for_line("there", WAIT_MAX, exactly("s3cret"))
            .await;
        found.unwrap();
        // Found again: lines of the past count.
        child
            .wait_for_line("there", WAIT_MAX, exactly("first"))
            .await
            .unwrap();
        let log = std::fs::read_to_string(folder.path().join("child.log")).unwrap();
        assert_eq!(log, "first\ns3cret\n");
    }

    #[tokio::test]
    async fn a_child_that_dies_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let child = shell(&folder, "echo no space >&2; exit 3");
        let error = child
            .wait_for_line("ready", WAIT_MAX, exactly("ready"))
            .await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("child ended unexpectedly (exit status: 3)"),
            "{error}"
        );
        assert!(error.contains("  no space"), "{error}");
    }

    #[tokio::test]
    async fn a_child_that_will_not_stop_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let child = shell(
            &folder,
            "trap '' TERM; echo deaf >&2; while :; do sleep 600; done",
        );
        child
            .wait_for_line("there", WAIT_MAX, exactly("deaf"))
            .await
            .unwrap();
        let stopped = child.stop(Signal::TERM, Duration::from_millis(50)).await;
        assert!(stopped.is_err());
        assert_eq!(child.exit().and_then(|status| status.signal()), Some(9));
    }

    #[tokio::test]
    async fn dropping_a_child_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let child = shell(&folder, "exec sleep 600");
        let pid = child.watched.pid();
        drop(child);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
