//! The bare limit, which is this program under another name.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Ground, Part, Server};
use crate::feed::FeedSpec;

const START_MAX: Duration = Duration::from_secs(10);

/// The line that a started limit server prints.
pub fn ready_line(clients: SocketAddr, link: SocketAddr) -> String {
    format!("ready {clients} {link}\n")
}

pub(super) fn start(ground: &Ground, coalescing: bool) -> anyhow::Result<Server> {
    let mut args = vec!["limit-server"];
    if coalescing {
        args.push("--coalesce");
    }
    let process = ground.spawn("limit", ground.bench.clone(), &args, Vec::new())?;
    let ready = process.wait_for_line("ready", START_MAX, |line| {
        let (clients, link) = line.strip_prefix("ready ")?.split_once(' ')?;
        Some((clients.parse().ok()?, link.parse().ok()?))
    });
    let (address, link) = ground.runtime.block_on(ready)?;
    Ok(Server {
        address,
        dialect: super::gateway::dialect("0,0"),
        feed: FeedSpec::Limit(link),
        parts: vec![Part {
            name: "limit",
            pid: process.pid(),
        }],
        holds: vec![Box::new(process)],
    })
}
