//! SockJS's resources below `/ws`, other than the WebSocket ones (protocol 0.3.3, "Static URLs", "Session URLs").
//!
//! Methods are named in full, since axum would have GET answer HEAD as well: a HEAD that opened a session would
//! be a surprise.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use super::path::SessionKey;
use super::sending::BODY_OCTETS_SLACK;
use super::sessions::SockJs;
use super::{cors, iframe, info, receiving, sending};

/// The routes, for the router to take in.
pub fn routes(sockjs: SockJs) -> Router {
    let body_octets_max = sockjs.frame_octets_max() + BODY_OCTETS_SLACK;
    let info_not_allowed = || async { cors::not_allowed(INFO_METHODS) };
    let info = get(info::get)
        .options(|headers: HeaderMap| async move { cors::preflight(&headers, INFO_METHODS) })
        .head(info_not_allowed)
        .fallback(info_not_allowed);
    let cross_origin = "OPTIONS, POST";
    Router::new()
        .route("/ws/info", info)
        .route("/ws/{page}", get(page).fallback(page_not_allowed))
        .route(
            "/ws/{server}/{session}/xhr",
            of_session(post(receiving::xhr), cross_origin),
        )
        .route(
            "/ws/{server}/{session}/xhr_send",
            of_session(post(sending::xhr_send), cross_origin),
        )
        .route(
            "/ws/{server}/{session}/xhr_streaming",
            of_session(post(receiving::xhr_streaming), cross_origin),
        )
        .route(
            "/ws/{server}/{session}/eventsource",
            of_session(get(receiving::eventsource), "GET"),
        )
        .route(
            "/ws/{server}/{session}/htmlfile",
            of_session(get(receiving::htmlfile), "GET"),
        )
        .route(
            "/ws/{server}/{session}/jsonp",
            of_session(get(receiving::jsonp), "GET"),
        )
        .route(
            "/ws/{server}/{session}/jsonp_send",
            of_session(post(sending::jsonp_send), "POST"),
        )
        .layer(DefaultBodyLimit::max(body_octets_max))
        .with_state(sockjs)
}

/// Methods of `/ws/info`.
const INFO_METHODS: &str = "OPTIONS, GET";

/// A session's resource: the given methods, `OPTIONS` if it is among those allowed, and no other.
fn of_session(methods: MethodRouter<SockJs>, allowed: &'static str) -> MethodRouter<SockJs> {
    // The key is asked for so that a path that names no session is not found, whatever the method.
    let refuse = move |_: SessionKey| async move { cors::not_allowed(allowed) };
    let methods = methods.head(refuse).fallback(refuse);
    if allowed.contains("OPTIONS") {
        methods.options(move |_: SessionKey, headers: HeaderMap| async move {
            cors::preflight(&headers, allowed)
        })
    } else {
        methods
    }
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
