//! RabbitMQ with its Web STOMP plugin, as Debian packages it, with the settings it comes with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use local::preflight;

use super::{Ground, Part, Server, absent};
use crate::dialect::{Dialect, StompDialect};
use crate::feed::{FeedSpec, Wording};

/// The script behind the wrapper that wants to be root, or the user `rabbitmq`.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const PORT_MAPPER: &str = "/usr/bin/epmd";
/// Erlang starts slowly on a busy machine.
const START_MAX: Duration = Duration::from_mins(2);
/// A topic exchange; each subscription gets a queue of its own.
const PREFIX: &str = "/topic/chat.";

pub(super) fn start(ground: &Ground, heart_beat: &'static str) -> anyhow::Result<Server> {
    if !Path::new(PROGRAM).exists() {
        return Err(absent(&format!(
            "there is no {PROGRAM} (Debian's package is rabbitmq-server)"
        )));
    }
    let folder = ground.folder_for("rabbitmq")?;
    let port = || preflight::free_port().map(|port| port.to_string());
    let (amqp, stomp, dist, mapper) = (port()?, port()?, port()?, port()?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, preflight::free_port()?));
    let (config, plugins) = (folder.join("rabbitmq.conf"), folder.join("enabled_plugins"));
    std::fs::write(
        &config,
        format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}\nstomp.listeners.tcp.1 = 127.0.0.1:{stomp}\n\
             web_stomp.tcp.ip = 127.0.0.1\nweb_stomp.tcp.port = {}\n",
            address.port()
        ),
    )?;
    std::fs::write(&plugins, "[rabbitmq_web_stomp].\n")?;
    let text = |path: &Path| path.display().to_string();
    let env = vec![
        // Where the cookie is made that nodes know each other by.
        ("HOME", text(&folder)),
        ("RABBITMQ_NODENAME", "bench@localhost".to_owned()),
        ("RABBITMQ_MNESIA_BASE", text(&folder.join("mnesia"))),
        ("RABBITMQ_LOG_BASE", text(&folder.join("log"))),
        ("RABBITMQ_PID_FILE", text(&folder.join("pid"))),
        ("RABBITMQ_CONFIG_FILE", text(&config)),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", text(&plugins)),
        ("RABBITMQ_DIST_PORT", dist),
        ("ERL_EPMD_PORT", mapper.clone()),
        ("ERL_EPMD_ADDRESS", Ipv4Addr::LOCALHOST.to_string()),
    ];
    // Started by us, or Erlang would start one that outlives everything.
    let mapper_args = ["-port", &mapper, "-address", "127.0.0.1"];
    let mapper = ground.spawn("epmd", PORT_MAPPER.into(), &mapper_args, Vec::new())?;
    let broker = ground.spawn("rabbitmq", PROGRAM.into(), &[], env)?;
    ground.wait_listening(&broker, address, START_MAX)?;
    Ok(Server {
        address,
        dialect: Dialect::Stomp(StompDialect {
            path: "/ws",
            prefix: PREFIX,
            suffix: "",
            heart_beat,
            credentials: "login:guest\npasscode:guest\n",
            has_receipts: true,
        }),
        feed: FeedSpec::Sessions(Wording::Event { prefix: PREFIX }),
        parts: vec![Part {
            name: "rabbitmq",
            pid: broker.pid(),
        }],
        holds: vec![Box::new(broker), Box::new(mapper)],
    })
}
