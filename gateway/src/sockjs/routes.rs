//! SockJS's resources below `/ws`, other than the WebSockets (protocol 0.3.3, "Static URLs", "Session URLs").
//!
//! Methods are named in full, since axum would have GET answer HEAD as well: a HEAD that opened a session would
//! be a surprise.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use super::sending::BODY_OCTETS_SLACK;
use super::sessions::SockJs;
use super::{cors, iframe, info, receiving, sending};

/// The routes, for the router to take in.
pub fn routes(sockjs: SockJs) -> Router {
    let body_octets_max = sockjs.frame_octets_max() + BODY_OCTETS_SLACK;
    Router::new()
        .route("/ws/info", cross_origin(get(info::get), "OPTIONS, GET"))
        .route("/ws/{page}", get(page).fallback(page_not_allowed))
        .route(
            "/ws/{server}/{session}/xhr",
            cross_origin(post(receiving::xhr), "OPTIONS, POST"),
        )
        .route(
            "/ws/{server}/{session}/xhr_send",
            cross_origin(post(sending::xhr_send), "OPTIONS, POST"),
        )
        .route(
            "/ws/{server}/{session}/xhr_streaming",
            cross_origin(post(receiving::xhr_streaming), "OPTIONS, POST"),
        )
        .route(
            "/ws/{server}/{session}/eventsource",
            only(get(receiving::eventsource), "GET"),
        )
        .route(
            "/ws/{server}/{session}/htmlfile",
            only(get(receiving::htmlfile), "GET"),
        )
        .route(
            "/ws/{server}/{session}/jsonp",
            only(get(receiving::jsonp), "GET"),
        )
        .route(
            "/ws/{server}/{session}/jsonp_send",
            only(post(sending::jsonp_send), "POST"),
        )
        .layer(DefaultBodyLimit::max(body_octets_max))
        .with_state(sockjs)
}

/// A resource for these methods, `OPTIONS` among them, from any origin.
fn cross_origin(methods: MethodRouter<SockJs>, allowed: &'static str) -> MethodRouter<SockJs> {
    only(
        methods
            .options(move |headers: HeaderMap| async move { cors::preflight(&headers, allowed) }),
        allowed,
    )
}

/// A resource for these methods and no other.
fn only(methods: MethodRouter<SockJs>, allowed: &'static str) -> MethodRouter<SockJs> {
    let refuse = move || async move { cors::not_allowed(allowed) };
    methods.head(refuse).fallback(refuse)
}

/// `GET /ws/iframe*.html`.
async fn page(
    State(sockjs): State<SockJs>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    sockjs.iframe().get(&name, &headers)
}

async fn page_not_allowed(
    State(sockjs): State<SockJs>,
    method: Method,
    Path(name): Path<String>,
) -> Response {
    tracing::trace!(%method, "not allowed");
    if iframe::is_name(&name) {
        cors::not_allowed("GET, HEAD")
    } else {
        sockjs.iframe().get(&name, &HeaderMap::new())
    }
}
