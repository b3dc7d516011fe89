//! Sees to it that no child outlives this process, however it ends: in order, by a panic, by SIGKILL.
//!
//! A shell in a process group of its own holds the reading end of a pipe. Each child writes its process id into
//! the pipe *before* it becomes the program it was started for; when the last writing end is gone, which the
//! kernel sees to, the shell signals whatever has not been taken off its list. So there is no moment at which a
//! child exists and is not watched.
//!
//! Rejected: `PR_SET_PDEATHSIG`. It needs `unsafe` or a helper program to set it in the child, exists on Linux
//! only, and fires when the *thread* that started the child ends.

use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

/// Lines: `+ <pid> <signal>` for a child that starts, `- <pid>` for one that ended.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=
while read -r sign pid signal; do
    case $sign in
    +) groups="$groups $pid:$signal" ;;
    -)
        left=
        for group in $groups; do
            [ "${group%%:*}" = "$pid" ] || left="$left $group"
        done
        groups=$left
        ;;
    esac
done
for group in $groups; do
    kill -s "${group#*:}" -- "-${group%%:*}"
    kill -s CONT -- "-${group%%:*}"
done
sleep 3
for group in $groups; do
    kill -s KILL -- "-${group%%:*}"
done
"#;

/// Announces the process on standard output, which is the pipe, and becomes the program.
const ANNOUNCE: &str = r#"echo "+ $$ $0"; exec "$@" >/dev/null"#;

/// What a child gets when this process is gone and it is not. SIGKILL follows three seconds later: a program that
/// was started in the background of a shell without job control inherits that it ignores SIGQUIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastSignal {
    /// For what recovers from anything.
    Kill,
    /// For PostgreSQL, whose own children would otherwise have to notice by themselves.
    Quit,
}

impl LastSignal {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Quit => "QUIT",
        }
    }
}

/// A watching shell, and the writing end of its pipe.
#[derive(Debug)]
struct Reaper {
    pipe: OwnedFd,
}

impl Reaper {
    fn start() -> anyhow::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C in the terminal is for us, not for it.
            .process_group(0)
            .spawn()
            .context("cannot start a shell (sh)")?;
        let stdin = shell.stdin.take().context("the shell has no input")?;
        Ok(Self { pipe: stdin.into() })
    }

    fn command(&self, last: LastSignal, program: &OsStr) -> std::io::Result<Command> {
        let mut command = Command::new("sh");
        command
            .args(["-c", ANNOUNCE, last.name()])
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::from(self.pipe.try_clone()?))
            .process_group(0);
        Ok(command)
    }

    fn forget(&self, pid: u32) -> std::io::Result<()> {
        std::fs::File::from(self.pipe.try_clone()?).write_all(format!("- {pid}\n").as_bytes())
    }
}

/// One for the whole process, started with the first child.
static REAPER: Mutex<Option<Reaper>> = Mutex::new(None);

/// A command that runs `program` in a process group of its own, watched from its first moment. Its standard
/// output is discarded, its standard input empty. The process id stays that of the command.
pub(crate) fn command(last: LastSignal, program: &OsStr) -> anyhow::Result<Command> {
    let mut reaper = REAPER.lock().unwrap_or_else(PoisonError::into_inner);
    if reaper.is_none() {
        *reaper = Some(Reaper::start()?);
    }
    let reaper = reaper.as_ref().context("the reaper was just started")?;
    reaper
        .command(last, program)
        .context("cannot share the reaper's pipe")
}

/// Takes a child that has ended off the list, so that its process id can be somebody else's.
pub(crate) fn forget(pid: u32) {
    let reaper = REAPER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reaper) = reaper.as_ref() {
        // Fails only when the shell was killed, and then there is no list either.
        let _ = reaper.forget(pid);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn children_end_when_the_pipe_does() {
        let reaper = Reaper::start().unwrap();
        let spawn = |last| {
            reaper
                .command(last, OsStr::new("sleep"))
                .unwrap()
                .arg("600")
                .spawn()
                .unwrap()
        };
        let (mut killed, mut quit) = (spawn(LastSignal::Kill), spawn(LastSignal::Quit));
        drop(reaper);
        assert_eq!(killed.wait().unwrap().signal(), Some(9));
        let expected = if ignores_quit() { 9 } else { 3 };
        assert_eq!(quit.wait().unwrap().signal(), Some(expected));
    }

    /// Whether this process, and so its children, ignore SIGQUIT.
    fn ignores_quit() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap() & (1 << 2) != 0
    }

    #[test]
    fn a_forgotten_child_is_left_alone() {
        let reaper = Reaper::start().unwrap();
        let spawn = || {
            let mut command = reaper.command(LastSignal::Kill, OsStr::new("sh")).unwrap();
            let script = "echo up >&2; exec sleep 600";
            let mut child = command
                .args(["-c", script])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            // It has announced itself by now, so that forgetting it comes after that.
            let mut up = [0; 3];
            child.stderr.as_mut().unwrap().read_exact(&mut up).unwrap();
            child
        };
        let (mut forgotten, mut watched) = (spawn(), spawn());
        reaper.forget(forgotten.id()).unwrap();
        drop(reaper);
        assert_eq!(watched.wait().unwrap().signal(), Some(9));
        assert!(forgotten.try_wait().unwrap().is_none());
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
    }
}
