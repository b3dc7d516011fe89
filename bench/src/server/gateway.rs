//! Our gateway beside a nats-server; the generator stands in for the persister.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::bail;
use local::daemon::{Daemon, DaemonSpec};
use local::nats::NatsServer;
use local::system::without_rates;
use local::{preflight, probe};

use super::{Ground, Part, Server};
use crate::dialect::{Dialect, StompDialect};
use crate::feed::{Bus, FeedSpec, Style};

/// Longest wait for the gateway to be ready once it hears beacons.
const READY_MAX: Duration = Duration::from_secs(30);
/// How often it is asked. Nothing tells us when that changes.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What clients of our gateway speak.
pub(super) fn dialect(heart_beat: &'static str) -> Dialect {
    Dialect::Stomp(StompDialect {
        path: "/ws",
        prefix: "/countries/",
        suffix: "/events",
        heart_beat,
        credentials: "",
        has_receipts: true,
    })
}

pub(super) fn start(ground: &Ground, heart_beat: &'static str) -> anyhow::Result<Server> {
    let folder = ground.folder_for("gateway")?;
    let (port, store) = (preflight::free_port()?, folder.join("nats"));
    let nats = NatsServer::start(&ground.nats_server, port, &store, &folder, None);
    let nats = ground.runtime.block_on(nats)?;
    let mut args = vec![
        "--auth".to_owned(),
        "open".to_owned(),
        "--nats-url".to_owned(),
        nats.url(),
    ];
    args.extend(without_rates(ground.gateway_args.clone()));
    let gateway = Daemon::start(DaemonSpec {
        kind: "gateway",
        number: 1,
        program: ground.programs.join("gateway"),
        args,
        env: Vec::new(),
        listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        logs: folder,
        listener: None,
    });
    let gateway = ground.runtime.block_on(gateway)?;
    wait_ready(ground, &nats, &gateway)?;
    Ok(Server {
        address: gateway.listen(),
        dialect: dialect(heart_beat),
        feed: FeedSpec::Bus {
            nats: nats.address(),
            style: Style::Persister,
        },
        parts: vec![
            Part {
                name: "gateway",
                pid: gateway.process().pid(),
            },
            Part {
                name: "nats-server",
                pid: nats.process().pid(),
            },
        ],
        holds: vec![Box::new(gateway), Box::new(nats)],
    })
}

/// Sends beacons until the gateway has heard one.
fn wait_ready(ground: &Ground, nats: &NatsServer, gateway: &Daemon) -> anyhow::Result<()> {
    let mut bus = Bus::connect(nats.address(), Style::Persister)?;
    let deadline = Instant::now() + READY_MAX;
    loop {
        bus.beacon()?;
        let ready = ground.runtime.block_on(async {
            let answer = probe::get(gateway.admin(), "/readyz").await;
            tokio::time::sleep(POLL_INTERVAL).await;
            answer
        });
        match ready {
            Ok((200, _)) => return Ok(()),
            _ if Instant::now() < deadline => {}
            other => bail!("the gateway is not ready after {READY_MAX:?}: {other:?}"),
        }
    }
}
