//! Every route that clients see, on one page.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::admission::Place;
use crate::api::{self, Api};
use crate::client_address::{ClientAddress, Peer};
use crate::connection::Connections;
use crate::gate::{self, Gate};
use crate::playground;
use crate::sockjs::path::SessionKey;
use crate::sockjs::sessions::SockJs;
use crate::sockjs::{info, routes};
use crate::transport::websocket::SockJsWebSocket;
use crate::{arrivals, handshake};

/// Octets of a WebSocket message beyond the longest STOMP frame. A frame only a little too long still gets a
/// STOMP ERROR that names the limit; a message beyond this is cut off by the WebSocket layer.
const MESSAGE_OCTETS_SLACK: usize = 64 << 10;

/// Builds the router. SockJS's resources over plain HTTP are listed in [`routes`], the queries in [`api`], the page in
/// [`playground`].
pub fn router(
    connections: Arc<Connections>,
    sockjs: SockJs,
    queries: Api,
    page: Option<&Path>,
    gate: Gate,
) -> Router {
    let admission = connections.admission.clone();
    Router::new()
        .route("/ws", get(base))
        .route("/ws/", get(base))
        .route("/ws/websocket", get(raw_websocket))
        .route("/ws/{server}/{session}/websocket", get(sockjs_websocket))
        .with_state(connections)
        .merge(routes::routes(sockjs))
        .merge(api::routes(queries, admission))
        .merge(playground::routes(page))
        .layer(middleware::from_fn_with_state(gate, gate::pass))
}

/// `/ws`: raw WebSocket, or SockJS's greeting for who asks without an upgrade.
async fn base(
    State(connections): State<Arc<Connections>>,
    client: ClientAddress,
    request: Request,
) -> Response {
    if handshake::is_wanted(request.headers()) {
        upgrade(connections, client, request, Road::Raw)
    } else {
        info::greeting()
    }
}

async fn raw_websocket(
    State(connections): State<Arc<Connections>>,
    client: ClientAddress,
    request: Request,
) -> Response {
    upgrade(connections, client, request, Road::Raw)
}

/// The session's id only has to be a valid one: a session over a WebSocket lasts as long as that, and its name is
/// nobody else's concern.
async fn sockjs_websocket(
    State(connections): State<Arc<Connections>>,
    client: ClientAddress,
    _: SessionKey,
    request: Request,
) -> Response {
    upgrade(connections, client, request, Road::SockJs)
}

#[derive(Clone, Copy)]
enum Road {
    Raw,
    SockJs,
}

fn upgrade(
    connections: Arc<Connections>,
    client: ClientAddress,
    request: Request,
    road: Road,
) -> Response {
    if connections.life.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        // The listener says of every request where it came from.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let held = match connections.admission.session(peer, client) {
        Ok(held) => held,
        Err(reason) => {
            reason.record(client.0);
            return reason.into_response();
        }
    };
    let place = request.extensions().get::<Arc<Place>>().cloned();
    let (response, upgrade) = match handshake::accept(request) {
        Ok(accepted) => accepted.into_parts(),
        Err(refusal) => return *refusal,
    };
    let message_octets_max = connections.limits.decode.frame_octets_max + MESSAGE_OCTETS_SLACK;
    let life = connections.life.clone();
    let opening = async move {
        let socket = match handshake::complete(upgrade, message_octets_max).await {
            Ok(socket) => socket,
            Err(reason) => return tracing::debug!(reason, "no connection came of a handshake"),
        };
        let (life, held) = (connections.life.clone(), (place, held));
        // A task of its own, which is polled for each delivery: the less it lies within, the better.
        let task = match road {
            Road::Raw => connections.serve(socket, client, held),
            Road::SockJs => {
                let Ok(transport) = SockJsWebSocket::open(socket).await else {
                    return tracing::debug!("the client left before the SockJS open frame");
                };
                connections.serve(transport, client, held)
            }
        };
        arrivals::spawn(&life, task);
    };
    life.spawn(opening);
    response
}
