//! The binary as a process that can be stopped in every way there is.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::Rig;

/// A running binary, ended with the test.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Starts it and waits for the line that says it serves; returns that line too.
    pub(crate) fn start(rig: &Rig, partitions: u16) -> (Self, serde_json::Value) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_persister"))
            .args(["--log-format", "json"])
            .env("NATS_URL", rig.nats.url())
            .env("DATABASE_URL", &rig.database_url)
            .env("PARTITIONS", partitions.to_string())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("\"persister ready\""))
            .expect("it gets ready");
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), serde_json::from_str(&ready).unwrap())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Asks it to stop, and waits for its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.0.wait().unwrap().code()
    }
}

/// As `kill -9` does.
impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
