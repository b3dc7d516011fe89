//! The ground under these tests: a NATS server, a persister that we play ourselves, real gateways.

pub(crate) mod issuer;
pub(crate) mod peer;
pub(crate) mod script;
pub(crate) mod socket;
pub(crate) mod streaming;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::time::Duration;

use local::daemon::{Daemon, DaemonSpec};
use local::nats::NatsServer;
use local::{preflight, tools};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Longest wait for anything. A bound on hanging, never a thing to wait for.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);

struct Ground {
    nats: NatsServer,
    gateway: Daemon,
    gateways: AtomicU16,
    folder: TempDir,
}

static GROUND: OnceCell<Ground> = OnceCell::const_new();

async fn ground() -> &'static Ground {
    let start = || async {
        let folder = tempfile::tempdir().unwrap();
        let program = nats_server();
        let (port, store) = (preflight::free_port().unwrap(), folder.path().join("store"));
        let nats = NatsServer::start(&program, port, &store, folder.path(), None)
            .await
            .unwrap();
        peer::start(nats.url());
        let gateway = start_gateway(1, &nats, &folder, &[], Vec::new()).await;
        gateway.wait_ready().await.unwrap();
        Ground {
            nats,
            gateway,
            gateways: AtomicU16::new(1),
            folder,
        }
    };
    GROUND.get_or_init(start).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test has no flags; this one variable says which server to use"
)]
fn nats_server() -> PathBuf {
    match std::env::var_os("NATS_SERVER") {
        Some(program) => program.into(),
        None => tools::find_nats_server().unwrap(),
    }
}

async fn start_gateway(
    number: u16,
    nats: &NatsServer,
    folder: &TempDir,
    settings: &[&str],
    env: Vec<(&'static str, String)>,
) -> Daemon {
    let url = nats.url();
    let auth: &[_] = if settings.contains(&"--auth") {
        &[]
    } else {
        &["--auth", "open"]
    };
    let nats = ["--nats-url", &url];
    let args = auth.iter().chain(&nats).chain(settings);
    let gateway = Daemon::start(DaemonSpec {
        kind: "gateway",
        number,
        program: env!("CARGO_BIN_EXE_gateway").into(),
        args: args.map(|&argument| argument.to_owned()).collect(),
        env,
        listen: Some(([127, 0, 0, 1], 0).into()),
        logs: folder.path().to_owned(),
        listener: None,
    });
    gateway.await.unwrap()
}

/// A gateway with default settings that all tests share and none breaks.
pub(crate) async fn gateway() -> SocketAddr {
    ground().await.gateway.listen()
}

/// A gateway of the test's own.
pub(crate) async fn gateway_with(settings: &[&str]) -> Daemon {
    let gateway = gateway_in(settings, Vec::new()).await;
    gateway.wait_ready().await.unwrap();
    gateway
}

/// The same in an environment of its own, perhaps not ready yet.
pub(crate) async fn gateway_in(settings: &[&str], env: Vec<(&'static str, String)>) -> Daemon {
    let ground = ground().await;
    let number = ground.gateways.fetch_add(1, Ordering::Relaxed) + 1;
    start_gateway(number, &ground.nats, &ground.folder, settings, env).await
}

/// A counter or gauge of a gateway, all labels together that begin with `series`; 0 before it was touched.
pub(crate) async fn metric(gateway: &Daemon, series: &str) -> f64 {
    let (_, page) = socket::get(gateway.admin(), "/metrics", &[]).await;
    let values = page.lines().filter(|line| line.starts_with(series));
    values
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// Waits until a gateway has logged a line with all of these pieces.
pub(crate) async fn logged(gateway: &Daemon, pieces: &[&str]) {
    let seen = |line: &str| {
        pieces
            .iter()
            .all(|piece| line.contains(piece))
            .then_some(())
    };
    let process = gateway.process();
    process
        .wait_for_line("logged", WAIT_MAX, seen)
        .await
        .unwrap();
}

/// A chat that exists and that no other test knows.
pub(crate) fn fresh_chat() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Waits for something that must come.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(WAIT_MAX, future)
        .await
        .expect("it comes in time")
}
