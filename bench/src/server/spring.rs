//! The same four destinations on Spring Boot's `SimpleBroker` and JPA, as a plain Spring team would write them
//! (`bench/peers/spring`). `make bench-peers` builds it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use local::preflight;

use super::{Ground, Part, Server, absent, pipeline};
use crate::dialect::{Dialect, StompDialect};
use crate::feed::{FeedSpec, Wording};

/// A Java program starts slowly on a busy machine.
const START_MAX: Duration = Duration::from_mins(2);

pub(super) fn start(ground: &Ground, heart_beat: &'static str) -> anyhow::Result<Server> {
    let jar = ground.peers.join("spring-peer.jar");
    if !jar.exists() {
        let jar = jar.display();
        return Err(absent(&format!(
            "there is no {jar} (`make bench-peers` builds it where Maven is)"
        )));
    }
    let folder = ground.folder_for("spring")?;
    let mut postgres = pipeline::postgres(ground, &folder)?;
    // Java's driver knows no Unix sockets.
    let moved = postgres.move_to_port(preflight::free_port()?);
    let database = ground.runtime.block_on(moved)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, preflight::free_port()?));
    let jar = jar.display().to_string();
    let args = [
        "-jar".to_owned(),
        jar,
        format!("--server.address={}", address.ip()),
        format!("--server.port={}", address.port()),
        format!(
            "--spring.datasource.url=jdbc:postgresql://{database}/{}",
            pipeline::DATABASE
        ),
        format!("--spring.datasource.username={}", pipeline::USER),
    ];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let process = ground.spawn("spring", "java".into(), &args, Vec::new())?;
    ground.wait_listening(&process, address, START_MAX)?;
    Ok(Server {
        address,
        dialect: Dialect::Stomp(StompDialect {
            path: "/ws",
            prefix: "/countries/",
            suffix: "/events",
            heart_beat,
            credentials: "",
            // SimpleBroker answers a receipt on DISCONNECT alone.
            has_receipts: false,
        }),
        feed: FeedSpec::Sessions(Wording::Joins { receipts: false }),
        parts: vec![
            Part::new("spring", process.pid()),
            Part::new("postgres", postgres.process().pid()),
        ],
        holds: vec![Box::new(process), Box::new(postgres)],
    })
}
