//! The gateway: terminates STOMP over WebSocket and SockJS, publishes commands, relays chat events.
//!
//! It keeps no state that another gateway could not rebuild. Read in this order:
//!
//! - the road: [`listener`], [`arrivals`], [`admission`], [`client_address`], [`gate`], [`origins`], [`router`], [`handshake`], [`transport`], [`websocket`], [`sockjs`], [`framing`];
//! - the protocol, pure: [`stomp`], [`session`], [`destination`], [`mod@refusal`], [`disconnect`];
//! - who is there: [`auth`], [`reader`], [`audit`], [`roster`]; for operators: [`admin`], [`terminal`];
//! - one client: [`connection`], [`outbound`], [`drain`];
//! - what clients ask: [`commands`], [`owners`], [`beacons`], [`questions`], [`presence`];
//! - what clients get: [`fanout`], [`chain`], [`end_to_end`]; over plain HTTP: [`api`], [`playground`].

pub mod admin;
pub mod admission;
pub mod api;
pub mod arrivals;
pub mod audit;
pub mod auth;
pub mod beacons;
pub mod chain;
pub mod client_address;
pub mod commands;
pub mod config;
pub mod connection;
pub mod destination;
pub mod disconnect;
pub mod drain;
pub mod end_to_end;
pub mod fanout;
pub mod framing;
pub mod gate;
pub mod handshake;
pub mod listener;
pub mod origins;
pub mod outbound;
pub mod owners;
pub mod playground;
pub mod presence;
pub mod questions;
pub mod reader;
pub mod refusal;
pub mod roster;
pub mod router;
pub mod runtime;
pub mod session;
pub mod sockjs;
pub mod stomp;
pub mod terminal;
pub mod transport;
pub mod websocket;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use shared::bus::{Bus, Refused};
use shared::error_code::ErrorCode;
use shared::event::EventType;
use shared::lifecycle::Lifecycle;
use shared::{metric, subject, telemetry};
use tokio::net::TcpListener;

use crate::api::Api;
use crate::arrivals::Arrivals;
use crate::auth::Authenticator;
use crate::client_address::TrustedProxies;
use crate::commands::Commands;
use crate::config::Config;
use crate::connection::Connections;
use crate::disconnect::Disconnect;
use crate::drain::Drain;
use crate::fanout::Fanout;
use crate::gate::Gate;
use crate::listener::Door;
use crate::listener::tls::Tls;
use crate::origins::AllowedOrigins;
use crate::owners::{GatewayReadiness, Owners};
use crate::presence::Presence;
use crate::sockjs::sessions::SockJs;

/// Has what alerts look for be counted from the start.
fn begin_counters() {
    for reason in Disconnect::ALL {
        metric::begin(metric::DISCONNECTS, &[("reason", reason.name())]);
    }
    for kind in EventType::ALL {
        for code in [ErrorCode::Unavailable, ErrorCode::OutcomeUnknown] {
            let labels = [("type", kind.name()), ("outcome", code.name())];
            metric::begin(metric::COMMANDS, &labels);
        }
    }
    metric::begin(metric::GAPS, &[]);
}

/// Runs the gateway until it is asked to stop; whether everything ended well.
///
/// # Errors
/// What kept it from starting.
pub async fn run(config: Config) -> anyhow::Result<bool> {
    let telemetry = telemetry::start("gateway", &config.telemetry)?;
    begin_counters();
    let tls = config.tls.files();
    let tls = tls.map(|files| Tls::new(files, config.tls.tls_handshake_max));
    let (tls, renewal) = tls.transpose()?.unzip();

    let life = Lifecycle::new();
    let auth = Authenticator::start(&config.auth, &life)?;
    let proxies = TrustedProxies::new(&config.edge.trusted_proxies);
    let (admission, user_rates) = admission::start(&config.admission, &proxies, &life)?;
    if let Some(renewal) = renewal {
        life.spawn_attendant("TLS renewal", renewal.run());
    }
    let arrivals = Arrivals::start().context("cannot start threads")?;
    let listener = {
        let _at_the_door = arrivals.enter();
        bind(config.listen, "--listen")?
    };
    let admin_listener = bind(config.admin.admin_listen, "--admin-listen")?;
    let (listen, admin) = (listener.local_addr()?, admin_listener.local_addr()?);

    let name = format!("gateway-{}", uuid::Uuid::new_v4().simple());
    let connect = async |name| {
        Bus::connect(name, subject::GATEWAY_INBOX, &config.nats)
            .await
            .context("cannot use NATS")
    };
    let bus = connect("gateway commands").await?;
    let event_bus = connect("gateway events").await?;
    let nats_refusal = refusal(bus.clone(), event_bus.clone());
    let owners = Arc::new(Owners::default());
    let readiness = GatewayReadiness {
        bus: bus.clone(),
        owners: Arc::clone(&owners),
        auth: auth.clone(),
    };
    let guests = admin::start(admin_listener, readiness, &telemetry, &life);

    let presence = Presence::default();
    let commands = Commands::start(
        &bus,
        Arc::clone(&owners),
        name,
        &config.commands,
        presence.clone(),
        &life,
    );
    life.spawn_attendant("presence", presence::run(presence, bus.clone()));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let fanout = Fanout::start(
        threads,
        &event_bus,
        &bus,
        &owners,
        &life,
        commands.end_to_end(),
    );
    life.spawn_attendant("beacons", beacons::run(bus.clone(), owners, fanout.clone()));

    let connections = Arc::new(Connections {
        auth: auth.clone(),
        commands,
        fanout,
        admission: admission.clone(),
        user_rates,
        limits: Arc::new(config.session.limits(&config.admission)),
        outbound_octets_max: config.session.outbound_octets_max as usize,
        write_max: config.session.write_max,
        life: life.clone(),
        sessions: Arc::default(),
        drain: Arc::new(Drain::new(&config.drain, life.clone())),
        roster: guests,
    });
    let origins = Arc::new(AllowedOrigins::new(config.edge.allowed_origins));
    let sockjs = SockJs::new(connections.clone(), bus.clone(), &config.sockjs, &origins);
    let gate = Gate { proxies, origins };
    let last_call = sockjs.clone().last_call();
    let page = config.playground.playground.as_deref();
    let router = router::router(connections, sockjs, Api { auth, bus }, page, gate);
    let door = Door {
        first_head_max: config.admission.first_head_max,
        head_max: config.request_head_max,
        admission,
        tls,
    };
    let server = listener::serve(listener, router, door, life.clone(), last_call);
    {
        let _at_the_door = arrivals.enter();
        life.spawn_essential("listener", server);
    }
    // Before anybody can know that there is something to stop.
    let end = life.run_to_end(config.drain.drain())?;
    tracing::info!(%listen, %admin, "gateway ready");

    let well = tokio::select! {
        well = end => well,
        // Nobody is served by a gateway that may not use NATS, however long it waits.
        refused = nats_refusal => {
            life.fail();
            return Err(refused.into());
        }
    };
    tracing::info!(well, "stopped");
    Ok(well)
}

async fn refusal(bus: Bus, event_bus: Bus) -> Refused {
    tokio::select! {
        refused = bus.refused() => refused,
        refused = event_bus.refused() => refused,
    }
}

fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    listener::bind(address).with_context(|| format!("cannot listen on {address} ({flag})"))
}
