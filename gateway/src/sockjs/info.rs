//! `GET /ws/info`: what a SockJS client asks before it picks a transport (protocol 0.3.3, "Info test"), and the
//! greeting on the base URL.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::cors;

#[derive(Serialize)]
struct Info {
    websocket: bool,
    origins: [&'static str; 1],
    cookie_needed: bool,
    entropy: u32,
}

/// Answers `GET {base}/info`.
pub async fn get(headers: HeaderMap) -> Response {
    let info = Info {
        websocket: true,
        origins: ["*:*"],
        cookie_needed: false,
        entropy: rand::random(),
    };
    let mut response = Json(info).into_response();
    let answer = response.headers_mut();
    // The entropy is worth nothing when it comes out of a cache.
    let (_, not_cached) = cors::NOT_CACHED;
    answer.insert(CACHE_CONTROL, not_cached);
    answer.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    cors::allow_origin(&headers, answer);
    response
}

/// Answers a plain `GET {base}`: the protocol's greeting, by which a person sees that something listens here.
pub fn greeting() -> Response {
    (
        [(CONTENT_TYPE, "text/plain; charset=UTF-8")],
        "Welcome to SockJS!\n",
    )
        .into_response()
}
