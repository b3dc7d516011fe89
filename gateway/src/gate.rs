//! What every request passes before its handler: who asks, and whether that may be.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shared::metric;

use crate::audit;
use crate::client_address::{Peer, TrustedProxies};
use crate::origins::{AllowedOrigins, Here};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Octets of a refused origin that are logged; it may be anything.
const LOGGED_ORIGIN_MAX: usize = 200;

/// What a page is told that is not on the list. Browsers show it in their network tools, whoever uses others reads
/// it as it is.
const NOT_ALLOWED: &str =
    "Pages of this origin may not use this gateway: it is not among its --allowed-origins.\n";

/// What the gate goes by; cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Whose word about their clients counts.
    pub proxies: TrustedProxies,
    /// Whose pages may come.
    pub origins: Arc<AllowedOrigins>,
}

/// Lets a request through to its handler, with the address of its client among its extensions, or refuses it.
pub async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        // The listener says of every request where it came from.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = request.headers();
    let client = gate.proxies.client_address(peer, headers);
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        if !gate.origins.allow(&origin, gate.here(peer, headers)) {
            metrics::counter!(metric::TURNED_AWAY, "reason" => "origin").increment(1);
            let origin: String = origin.chars().take(LOGGED_ORIGIN_MAX).collect();
            let path = request.uri().path();
            tracing::warn!(target: audit::TARGET, origin, path, client.address = %client, "a page's origin is not allowed");
            return (StatusCode::FORBIDDEN, NOT_ALLOWED).into_response();
        }
    }
    request.extensions_mut().insert(client);
    next.run(request).await
}

impl Gate {
    /// What the client calls this gateway: its own words, or those of the trusted proxy that heard them.
    fn here<'a>(&self, peer: Peer, headers: &'a HeaderMap) -> Here<'a> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let own_scheme = peer.secure.then_some("https");
        if !self.proxies.trust(peer.address) {
            return Here {
                host: text(HOST),
                scheme: own_scheme,
            };
        }
        // Of several values, the nearest proxy wrote the last.
        let forwarded = |name| text(name).and_then(|value| value.rsplit(',').next().map(str::trim));
        Here {
            host: forwarded(X_FORWARDED_HOST).or_else(|| text(HOST)),
            scheme: forwarded(X_FORWARDED_PROTO).or(own_scheme),
        }
    }
}
