//! Centrifugo with its NATS broker in raw mode: it hands on what is published on a chat's subject.
//!
//! `make bench-peers` builds it from its Go module.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use local::nats::NatsServer;
use local::preflight;
use serde_json::json;

use super::{Ground, Part, Server, absent};
use crate::dialect::Dialect;
use crate::feed::{FeedSpec, Style};

const START_MAX: Duration = Duration::from_secs(30);

pub(super) fn start(ground: &Ground) -> anyhow::Result<Server> {
    let program = ground.peers.join("centrifugo");
    if !program.exists() {
        let program = program.display();
        return Err(absent(&format!(
            "there is no {program} (`make bench-peers` builds it where Go is)"
        )));
    }
    let folder = ground.folder_for("centrifugo")?;
    let (port, store) = (preflight::free_port()?, folder.join("nats"));
    let nats = NatsServer::start(&ground.nats_server, port, &store, &folder, None);
    let nats = ground.runtime.block_on(nats)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, preflight::free_port()?));
    let config = folder.join("config.json");
    let settings = json!({
        "http_server": { "address": "127.0.0.1", "port": address.port().to_string() },
        "client": { "insecure": true, "allowed_origins": ["*"] },
        "broker": {
            "enabled": true,
            "type": "nats",
            "nats": { "url": nats.url(), "raw_mode": { "enabled": true } },
        },
    });
    std::fs::write(&config, serde_json::to_vec_pretty(&settings)?)?;
    let config = config.display().to_string();
    let process = ground.spawn("centrifugo", program, &["--config", &config], Vec::new())?;
    ground.wait_listening(&process, address, START_MAX)?;
    Ok(Server {
        address,
        dialect: Dialect::Centrifugo,
        feed: FeedSpec::Bus {
            nats: nats.address(),
            style: Style::Plain,
        },
        parts: vec![
            Part {
                name: "centrifugo",
                pid: process.pid(),
            },
            Part {
                name: "nats-server",
                pid: nats.process().pid(),
            },
        ],
        holds: vec![Box::new(process), Box::new(nats)],
    })
}
