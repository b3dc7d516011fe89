//! nats-server's own WebSocket listener: subscribers speak NATS, without STOMP, sessions or history.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use local::preflight;

use super::{Ground, Part, Server};
use crate::dialect::Dialect;
use crate::feed::{FeedSpec, Style};

const START_MAX: Duration = Duration::from_secs(10);

pub(super) fn start(ground: &Ground) -> anyhow::Result<Server> {
    let folder = ground.folder_for("nats")?;
    let (port, websocket) = (preflight::free_port()?, preflight::free_port()?);
    let config = folder.join("nats.conf");
    std::fs::write(
        &config,
        format!(
            "host: 127.0.0.1\nport: {port}\n\
             websocket {{ host: 127.0.0.1, port: {websocket}, no_tls: true, compression: false }}\n"
        ),
    )?;
    let config = config.display().to_string();
    let process = ground.spawn(
        "nats",
        ground.nats_server.clone(),
        &["--config", &config],
        Vec::new(),
    )?;
    let ready = process.wait_for_line("ready", START_MAX, |line| {
        line.contains("Server is ready").then_some(())
    });
    ground.runtime.block_on(ready)?;
    let nats = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(Server {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, websocket)),
        dialect: Dialect::Nats,
        feed: FeedSpec::Bus {
            nats,
            style: Style::Plain,
        },
        parts: vec![Part {
            name: "nats-server",
            pid: process.pid(),
        }],
        holds: vec![Box::new(process)],
    })
}
