//! A NATS server and gateways of the tests' own, and how to speak to them.

pub(crate) mod client;
pub(crate) mod http;
pub(crate) mod stomp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

use local::daemon::{Daemon, DaemonSpec};
use local::nats::NatsServer;
use local::{preflight, tools};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// The protocol's tests want streaming responses to end after so much.
pub(crate) const STREAM_OCTETS_MAX: usize = 4_096;

/// NATS and the gateways on it.
pub(crate) struct System {
    pub(crate) nats: NatsServer,
    gateways: AtomicU16,
    folder: TempDir,
}

impl System {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = nats_server();
        let (port, store) = (preflight::free_port().unwrap(), folder.path().join("store"));
        let nats = NatsServer::start(&program, port, &store, folder.path(), None)
            .await
            .unwrap();
        Self {
            nats,
            gateways: AtomicU16::new(0),
            folder,
        }
    }

    /// Starts another gateway on this NATS server.
    pub(crate) async fn gateway(&self, settings: &[&str]) -> Daemon {
        let number = self.gateways.fetch_add(1, Ordering::Relaxed) + 1;
        let mut args = vec![
            "--auth".to_owned(),
            "open".to_owned(),
            "--nats-url".to_owned(),
            self.nats.url(),
        ];
        // The protocol's tests come from origins called `test` and `null`.
        args.extend(["--allowed-origins".to_owned(), "*".to_owned()]);
        args.extend([
            "--sockjs-stream-octets-max".to_owned(),
            STREAM_OCTETS_MAX.to_string(),
        ]);
        args.extend(settings.iter().map(|&setting| setting.to_owned()));
        let gateway = Daemon::start(DaemonSpec {
            kind: "gateway",
            number,
            program: env!("CARGO_BIN_EXE_gateway").into(),
            args,
            env: Vec::new(),
            listen: Some(([127, 0, 0, 1], 0).into()),
            logs: self.folder.path().to_owned(),
            listener: None,
        });
        let gateway = gateway.await.unwrap();
        // Sessions over HTTP are looked for among all gateways, so they need NATS.
        connected(&gateway, 2).await;
        gateway
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no config module")]
fn nats_server() -> PathBuf {
    match std::env::var_os("NATS_SERVER") {
        Some(program) => program.into(),
        None => tools::find_nats_server().unwrap(),
    }
}

/// Waits until a gateway has said so often that it is connected to NATS.
pub(crate) async fn connected(gateway: &Daemon, times: usize) {
    let process = gateway.process();
    let seen = |_: &str| {
        let lines = process.lines();
        (lines
            .iter()
            .filter(|line| line.contains("\"connected to NATS\""))
            .count()
            >= times)
            .then_some(())
    };
    process
        .wait_for_line("connected", http::WAIT_MAX, seen)
        .await
        .unwrap();
}

struct Shared {
    gateways: [Daemon; 2],
    _system: System,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();

/// Two gateways that all tests share which do not break them.
pub(crate) async fn two_gateways() -> [SocketAddr; 2] {
    let shared = SHARED.get_or_init(|| async {
        let system = System::start().await;
        let gateways = [system.gateway(&[]).await, system.gateway(&[]).await];
        Shared {
            gateways,
            _system: system,
        }
    });
    let [first, second] = &shared.await.gateways;
    [first.listen(), second.listen()]
}

/// A gateway that all tests share which do not break it.
pub(crate) async fn gateway() -> SocketAddr {
    let [first, _] = two_gateways().await;
    first
}

/// The path of a session that nobody else has.
pub(crate) fn fresh_session() -> String {
    format!("/ws/000/{}", uuid::Uuid::new_v4())
}
