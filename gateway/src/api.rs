//! The HTTP queries beside the socket (contract section 7).
//!
//! The gateway only passes questions on to the persisters and answers in JSON; lists are paged by id, so that a
//! page costs the same however far into the list it is. Errors are problem documents (RFC 9457). All of it is
//! described by an OpenAPI document, which is made from the routes and types themselves. Every request shows
//! the same token as CONNECT, unless the gateway is in open mode.

mod access;
mod caller;
mod chats;
mod document;
mod events;
mod page;
mod problem;
mod users;

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderName, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use shared::bus::Bus;
use shared::error_code::ErrorCode;
use shared::trace;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::problem::Problem;
use crate::admission::Admission;
use crate::auth::Authenticator;
use crate::client_address::ClientAddress;

/// How long a browser may remember that a page may ask.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

/// What the handlers ask through; cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// Who asks.
    pub auth: Authenticator,
    /// Who answers is behind this.
    pub bus: Bus,
}

/// The routes under `/api`, each beside its handler, and the document of them.
pub fn routes(api: Api, admission: Admission) -> Router {
    let (queries, described) = OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(chats::list))
        .routes(routes!(chats::one))
        .routes(routes!(events::list))
        .routes(routes!(chats::members))
        .routes(routes!(users::chats))
        .routes(routes!(users::countries))
        .with_state(api)
        .split_for_parts();
    let document = document::Document::new(&described);
    queries
        .route(
            "/api/openapi.json",
            get(move || std::future::ready(document.clone())),
        )
        .layer(middleware::from_fn(traced))
        .layer(middleware::from_fn_with_state(admission, in_time))
        .layer(shared_with_pages())
}

/// Lets pages read the answers whose origin passed the gate, and send a token with their questions. Without
/// credentials, since no cookie means anything here.
fn shared_with_pages() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION, HeaderName::from_static(trace::HEADER)])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Follows the trace of who asks, or begins one, as `--trace-sample-ratio` says; it goes on in the persister.
async fn traced(request: Request, next: Next) -> Response {
    let span = tracing::info_span!("query", http.path = request.uri().path());
    let traceparent = request.headers().get(trace::HEADER);
    if let Some(traceparent) = traceparent.and_then(|value| value.to_str().ok()) {
        trace::continue_from(&span, traceparent);
    }
    next.run(request).instrument(span).await
}

/// Refuses what an address asks beyond its rate. All rates are at least one a second, so that a problem's usual
/// `Retry-After` of a second is right.
async fn in_time(
    State(admission): State<Admission>,
    client: ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    match admission.query(client) {
        Ok(()) => next.run(request).await,
        Err(reason) => {
            reason.record(client.0);
            let detail = "Your address asks for too much in a short time";
            Problem::new(ErrorCode::RateLimited, detail).into_response()
        }
    }
}
