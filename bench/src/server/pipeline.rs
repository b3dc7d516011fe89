//! The whole system: clients SEND, a persister stores, a gateway delivers.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use local::postgres::{Durability, PostgresServer, PostgresSpec};
use local::programs::Programs;
use local::system::{System, SystemSpec, sqlite_url, without_rates};
use local::{preflight, tools};

use super::{Ground, Part, Server, absent};
use crate::feed::{FeedSpec, Wording};

/// The database's name in PostgreSQL.
pub(super) const DATABASE: &str = "bench";
/// Whom `local` makes the superuser.
pub(super) const USER: &str = "chat";

/// Over which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    Sqlite,
    Postgres,
}

pub(super) fn start(
    ground: &Ground,
    database: Database,
    heart_beat: &'static str,
) -> anyhow::Result<Server> {
    let folder = ground.folder_for("pipeline")?;
    let postgres = match database {
        Database::Sqlite => None,
        Database::Postgres => Some(postgres(ground, &folder)?),
    };
    let database_url = match &postgres {
        Some(server) => server.url(DATABASE),
        None => sqlite_url(&folder.join("persister.db"))?,
    };
    let spec = SystemSpec {
        programs: Programs {
            nats_server: ground.nats_server.clone(),
            persister: ground.programs.join("persister"),
            gateway: ground.programs.join("gateway"),
        },
        nats_port: preflight::free_port()?,
        gateways: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        persisters: 1,
        partitions: 1,
        database_url,
        // Lines at "info" are one per change of state, not one per event; the log is a file as in production.
        daemon_args: Vec::new(),
        gateway_args: without_rates(ground.gateway_args.clone()),
        nats_store: folder.join("nats"),
        logs: folder,
        listener: None,
    };
    let system = ground.runtime.block_on(System::start(&spec))?;
    let mut parts = vec![
        Part::new("gateway", system.gateways[0].process().pid()),
        Part::new("persister", system.persisters[0].process().pid()),
        Part::new("nats-server", system.nats.process().pid()),
    ];
    parts.extend(
        postgres
            .iter()
            .map(|server| Part::new("postgres", server.process().pid())),
    );
    Ok(Server {
        address: system.gateways[0].listen(),
        dialect: super::gateway::dialect(heart_beat),
        feed: FeedSpec::Sessions(Wording::Joins { receipts: true }),
        parts,
        holds: vec![Box::new(system), Box::new(postgres)],
    })
}

/// A PostgreSQL server with one empty database, as durable as in production.
pub(super) fn postgres(ground: &Ground, folder: &Path) -> anyhow::Result<PostgresServer> {
    let programs = tools::find_postgres().map_err(|error| absent(&format!("{error:#}")))?;
    // It may have to run as somebody else, who has to get there.
    for above in folder.ancestors().take(2) {
        std::fs::set_permissions(above, PermissionsExt::from_mode(0o755))?;
    }
    let server = PostgresServer::start(PostgresSpec {
        programs,
        data: std::path::absolute(folder)?.join("postgres"),
        logs: folder.to_owned(),
        durability: Durability::PowerLoss,
        listener: None,
    });
    let server = ground.runtime.block_on(server)?;
    server.create_database(DATABASE)?;
    Ok(server)
}
