//! What every request passes before its handler: who asks, and whether that may be.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::client_address::{Peer, TrustedProxies};

/// What the gate goes by; cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Whose word about their clients counts.
    pub proxies: TrustedProxies,
}

/// Lets a request through to its handler, with the address of its client among its extensions.
pub async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        // The listener says of every request where it came from.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let client = gate.proxies.client_address(peer, request.headers());
    request.extensions_mut().insert(client);
    next.run(request).await
}
