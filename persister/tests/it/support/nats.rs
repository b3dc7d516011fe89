//! A nats-server with JetStream on a free port of the loopback interface.

use std::path::Path;

use super::tether::Tether;

/// A nats-server that can be stopped, started again on its port, and relieved of its data.
pub(crate) struct Nats {
    directory: tempfile::TempDir,
    port: u16,
    server: Option<Tether>,
}

impl Nats {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (server, port) = launch(directory.path(), "-1");
        Self {
            directory,
            port,
            server: Some(server),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn stop(&mut self) {
        self.server = None;
    }

    /// Ends it as a crash would.
    pub(crate) fn crash(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill("KILL");
        }
    }

    pub(crate) fn start_again(&mut self) {
        let (server, _) = launch(self.directory.path(), &self.port.to_string());
        self.server = Some(server);
    }

    /// Removes everything it has stored. Only while it is stopped.
    pub(crate) fn wipe(&self) {
        assert!(self.server.is_none());
        std::fs::remove_dir_all(self.directory.path().join("jetstream")).unwrap();
    }
}

fn launch(directory: &Path, port: &str) -> (Tether, u16) {
    let program = setting("NATS_SERVER").unwrap_or_else(|| "nats-server".to_owned());
    let store = directory.to_str().unwrap();
    let server = [&program, "-a", "127.0.0.1", "-p", port, "-js", "-sd", store];
    let port = std::cell::Cell::new(None);
    let ready = |line: &str| {
        if let Some((_, address)) = line.split_once("Listening for client connections on ") {
            port.set(address.rsplit(':').next().unwrap().parse().ok());
        }
        line.contains("Server is ready")
            .then(|| port.get().unwrap())
    };
    Tether::start(&server, None, None, ready)
}

#[expect(clippy::disallowed_methods, reason = "tests have no config module")]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
