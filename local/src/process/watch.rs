//! What the threads of a child know: one reads its standard error, one waits for its end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::sync::watch;

use super::LineListener;
use crate::reaper;

/// Lines remembered of each child; the ready line is among the first few.
const LINES_KEPT: usize = 1_000;
/// A longer line is cut in two.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// How long a child's last words are waited for after its end; a grandchild may hold the pipe open.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// What is known of a child.
pub(super) struct Watched {
    pid: Pid,
    lines: Mutex<VecDeque<String>>,
    /// `true` once the process id may belong to somebody else.
    reaped: Mutex<bool>,
    reaping: Condvar,
    progress: watch::Sender<Progress>,
}

/// Changes with every line, and at the end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    lines: u64,
    pub(super) exit: Option<ExitStatus>,
}

impl Watched {
    /// Starts watching.
    pub(super) fn start(
        child: Child,
        stderr: ChildStderr,
        name: String,
        log: File,
        listener: Option<LineListener>,
    ) -> Arc<Self> {
        let watched = Arc::new(Self {
            pid: Pid::from_child(&child),
            lines: Mutex::default(),
            reaped: Mutex::new(false),
            reaping: Condvar::new(),
            progress: watch::Sender::new(Progress::default()),
        });
        let (last_words, heard) = sync_channel(1);
        let reading = Reading {
            name,
            log,
            listener,
            watched: Arc::clone(&watched),
            last_words,
        };
        std::thread::spawn(move || reading.run(stderr));
        let waiting = Arc::clone(&watched);
        std::thread::spawn(move || waiting.reap(child, &heard));
        watched
    }

    /// Its process id, for people.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Follows lines and end.
    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The lines remembered, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        lock(&self.lines).iter().cloned().collect()
    }

    /// Signals it, and with SIGKILL its process group too; nothing happens when it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        let reaped = lock(&self.reaped);
        if !*reaped {
            let send = if signal == Signal::KILL {
                rustix::process::kill_process_group
            } else {
                rustix::process::kill_process
            };
            // Fails only for a process that has ended and is about to be reaped.
            let _ = send(self.pid, signal);
        }
    }

    /// Blocks until it has ended or the time is over.
    pub(super) fn wait_blocking(&self, wait_max: Duration) {
        let reaped = lock(&self.reaped);
        let _ = self
            .reaping
            .wait_timeout_while(reaped, wait_max, |reaped| !*reaped);
    }

    /// The thread that waits for the end.
    fn reap(&self, mut child: Child, last_words: &Receiver<()>) {
        // Waits without reaping, so that until the lock is held the process id is certainly still its own.
        let waiting = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while rustix::process::waitid(WaitId::Pid(self.pid), waiting)
            .is_err_and(|error| error == rustix::io::Errno::INTR)
        {}
        let mut reaped = lock(&self.reaped);
        reaper::forget(child.id());
        let status = child.wait();
        *reaped = true;
        drop(reaped);
        self.reaping.notify_all();
        let _ = last_words.recv_timeout(LAST_WORDS_MAX);
        if let Ok(status) = status {
            self.progress
                .send_modify(|progress| progress.exit = Some(status));
        }
    }

    fn remember(&self, line: &str) {
        let mut lines = lock(&self.lines);
        if lines.len() == LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
        drop(lines);
        self.progress.send_modify(|progress| progress.lines += 1);
    }
}

/// The thread that reads a child's standard error.
struct Reading {
    name: String,
    log: File,
    listener: Option<LineListener>,
    watched: Arc<Watched>,
    last_words: SyncSender<()>,
}

impl Reading {
    fn run(mut self, stderr: ChildStderr) {
        let mut stderr = BufReader::new(stderr);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = stderr
                .by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line);
            if !read.is_ok_and(|octets| octets > 0) {
                break;
            }
            self.take(&line);
        }
        // Nobody listens when the child ended long ago.
        let _ = self.last_words.send(());
    }

    fn take(&mut self, line: &[u8]) {
        // A full disk must not stop the child, which it would if nobody read on.
        let _ = self.log.write_all(line);
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        if let Some(listener) = &self.listener {
            listener(&self.name, line);
        }
        self.watched.remember(line);
    }
}

/// Nothing that holds one of these locks can panic half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
