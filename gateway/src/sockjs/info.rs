//! `GET /ws/info`: what a SockJS client asks before it picks a transport (protocol 0.3.3, "Info test"), and the
//! greeting on the base URL.

use axum::Json;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, CONTENT_TYPE,
    EXPIRES, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A year, the protocol's value for cached pre-flight answers.
const PREFLIGHT_SECONDS: &str = "31536000";

#[derive(Serialize)]
struct Info {
    websocket: bool,
    origins: [&'static str; 1],
    cookie_needed: bool,
    entropy: u32,
}

/// Answers `GET {base}/info`.
pub async fn get(headers: HeaderMap) -> Response {
    let info = Info { websocket: true, origins: ["*:*"], cookie_needed: false, entropy: rand::random() };
    let mut response = Json(info).into_response();
    let answer = response.headers_mut();
    // The entropy is worth nothing when it comes out of a cache.
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache, no-transform, must-revalidate, max-age=0"));
    answer.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    allow_origin(&headers, answer);
    response
}

/// Answers the pre-flight `OPTIONS {base}/info`.
pub async fn options(headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000"));
    answer.insert(EXPIRES, HeaderValue::from_static("Thu, 31 Dec 2037 23:59:59 GMT"));
    answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_SECONDS));
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("OPTIONS, GET"));
    allow_origin(&headers, answer);
    response
}

/// Answers a plain `GET {base}`: the protocol's greeting, by which a person sees that something listens here.
pub fn greeting() -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=UTF-8")], "Welcome to SockJS!\n").into_response()
}

/// Lets the asking origin read the answer. Which origins may connect at all is decided at the handshake.
fn allow_origin(asked: &HeaderMap, answer: &mut HeaderMap) {
    let origin = asked.get(ORIGIN).cloned();
    if origin.is_some() {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        answer.insert(VARY, HeaderValue::from_static("Origin"));
    }
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(HeaderValue::from_static("*")));
    if let Some(headers) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
    }
}
