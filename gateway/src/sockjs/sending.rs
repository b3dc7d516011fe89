//! Sending requests: `xhr_send` and `jsonp_send`.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::cors;
use super::path::SessionKey;
use super::payload::{self, BadPayload};
use super::sessions::{SockJs, Unserved};

/// Octets of a body beyond the longest STOMP frame: JSON's escapes and a few frames more. A STOMP frame only a
/// little too long still gets an ERROR that names the limit; beyond this the request is refused as too large.
pub const BODY_OCTETS_SLACK: usize = 64 << 10;

/// Longest wait for a body to arrive.
const BODY_WAIT_MAX: Duration = Duration::from_secs(10);

/// Firefox takes an answer without a type for XML and complains.
const PLAIN: (HeaderName, HeaderValue) = (
    CONTENT_TYPE,
    HeaderValue::from_static("text/plain; charset=UTF-8"),
);

/// Why nothing was sent.
enum NotSent {
    Late,
    Body(BytesRejection),
    Payload(BadPayload),
    Session(Unserved),
}

/// `POST …/xhr_send`.
pub async fn xhr_send(
    State(sockjs): State<SockJs>,
    key: SessionKey,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let body = read(request).await;
    let messages = body.and_then(|body| payload::of_xhr(&body).map_err(NotSent::Payload));
    let mut response = match send(&sockjs, &key, messages).await {
        Ok(()) => (StatusCode::NO_CONTENT, [PLAIN]).into_response(),
        Err(not_sent) => not_sent.into_response(),
    };
    let answer = response.headers_mut();
    answer.extend([cors::NOT_CACHED]);
    cors::allow_origin(&headers, answer);
    response
}

/// `POST …/jsonp_send`. Answers with something, since some browsers do odd things on 204.
pub async fn jsonp_send(
    State(sockjs): State<SockJs>,
    key: SessionKey,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let body = read(request).await;
    let messages =
        body.and_then(|body| payload::of_jsonp(content_type, &body).map_err(NotSent::Payload));
    let mut response = match send(&sockjs, &key, messages).await {
        Ok(()) => ([PLAIN], "ok").into_response(),
        Err(not_sent) => not_sent.into_response(),
    };
    response.headers_mut().extend([cors::NOT_CACHED]);
    response
}

/// The body, within the bounds of length (the router's) and of time.
async fn read(request: Request) -> Result<Bytes, NotSent> {
    let reading = tokio::time::timeout(BODY_WAIT_MAX, Bytes::from_request(request, &())).await;
    reading.map_err(|_| NotSent::Late)?.map_err(NotSent::Body)
}

async fn send(
    sockjs: &SockJs,
    key: &SessionKey,
    messages: Result<Vec<String>, NotSent>,
) -> Result<(), NotSent> {
    sockjs.send(key, messages?).await.map_err(NotSent::Session)
}

impl IntoResponse for NotSent {
    fn into_response(self) -> Response {
        match self {
            Self::Late => StatusCode::REQUEST_TIMEOUT.into_response(),
            Self::Body(rejection) => rejection.into_response(),
            // The protocol's status, though the fault is the client's.
            Self::Payload(bad) => {
                (StatusCode::INTERNAL_SERVER_ERROR, bad.to_string()).into_response()
            }
            Self::Session(unserved) => unserved.into_response(),
        }
    }
}
