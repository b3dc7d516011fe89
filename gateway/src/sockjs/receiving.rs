//! Receiving requests: `xhr`, `xhr_streaming`, `eventsource`, `htmlfile`, `jsonp`.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::callback::Callback;
use super::cors;
use super::dress::Dress;
use super::frame;
use super::handle::Appetite;
use super::path::SessionKey;
use super::receiver::Receiver;
use super::sessions::SockJs;
use crate::client_address::ClientAddress;

/// `POST …/xhr`.
pub async fn xhr(
    State(sockjs): State<SockJs>,
    key: SessionKey,
    client: ClientAddress,
    headers: HeaderMap,
) -> Response {
    receive(sockjs, key, client, headers, Dress::Xhr).await
}

/// `POST …/xhr_streaming`.
pub async fn xhr_streaming(
    State(sockjs): State<SockJs>,
    key: SessionKey,
    client: ClientAddress,
    headers: HeaderMap,
) -> Response {
    receive(sockjs, key, client, headers, Dress::XhrStreaming).await
}

/// `GET …/eventsource`.
pub async fn eventsource(
    State(sockjs): State<SockJs>,
    key: SessionKey,
    client: ClientAddress,
    headers: HeaderMap,
) -> Response {
    receive(sockjs, key, client, headers, Dress::EventSource).await
}

/// `GET …/htmlfile?c=callback`.
pub async fn htmlfile(
    State(sockjs): State<SockJs>,
    key: SessionKey,
    client: ClientAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match Callback::from_query(query.as_deref()) {
        Ok(callback) => receive(sockjs, key, client, headers, Dress::HtmlFile(callback)).await,
        Err(no_callback) => no_callback.into_response(),
    }
}

/// `GET …/jsonp?c=callback`.
pub async fn jsonp(
    State(sockjs): State<SockJs>,
    key: SessionKey,
    client: ClientAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match Callback::from_query(query.as_deref()) {
        Ok(callback) => receive(sockjs, key, client, headers, Dress::Jsonp(callback)).await,
        Err(no_callback) => no_callback.into_response(),
    }
}

async fn receive(
    sockjs: SockJs,
    key: SessionKey,
    client: ClientAddress,
    asked: HeaderMap,
    dress: Dress,
) -> Response {
    let content_type = (CONTENT_TYPE, HeaderValue::from_static(dress.content_type()));
    let receiving = sockjs.receive(&key, dress.appetite(), dress.name(), client);
    let mut response = match receiving.await {
        Ok(receiver) => {
            let body = match dress.appetite() {
                Appetite::One => polled(&sockjs, receiver, &dress).await,
                Appetite::Many => streamed(sockjs, receiver, dress),
            };
            ([content_type, NO_SNIFFING], body).into_response()
        }
        Err(unserved) => unserved.into_response(),
    };
    let answer = response.headers_mut();
    answer.extend([cors::NOT_CACHED]);
    cors::allow_origin(&asked, answer);
    response
}

/// Answers to scripts hold what clients wrote; they must not be taken for anything else.
const NO_SNIFFING: (HeaderName, HeaderValue) =
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// The next frame, whenever it comes. Dropped by the HTTP server when the client leaves before.
async fn polled(sockjs: &SockJs, mut receiver: Receiver, dress: &Dress) -> Body {
    let frame = receiver.next(sockjs.life().stopping()).await;
    // A heartbeat has the client ask again, at a gateway that stays.
    let text = frame.map_or_else(|| frame::HEARTBEAT.into(), |frame| frame.text);
    Body::from(dress.frame(&text))
}

/// A response that goes on until the session ends or enough was sent. Dropped by the HTTP server, with the
/// receiver, when the client leaves before.
fn streamed(sockjs: SockJs, receiver: Receiver, dress: Dress) -> Body {
    let streaming = Streaming {
        sockjs,
        dress,
        receiver: Some(receiver),
        octets: 0,
        begun: false,
    };
    Body::from_stream(stream::unfold(streaming, |mut streaming| async {
        let piece = streaming.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), streaming))
    }))
}

/// A streaming response under way.
struct Streaming {
    sockjs: SockJs,
    dress: Dress,
    /// `None` once the response is over.
    receiver: Option<Receiver>,
    /// Of frames sent so far.
    octets: usize,
    begun: bool,
}

impl Streaming {
    /// The next piece of the body. `None` at its end.
    async fn next(&mut self) -> Option<String> {
        if !self.begun {
            self.begun = true;
            return Some(self.dress.prelude());
        }
        // A browser keeps all of a response in memory, so it is ended now and then; the client asks for another.
        if self.octets >= self.sockjs.stream_octets_max() {
            self.release().await;
        }
        let receiver = self.receiver.as_mut()?;
        let frame = receiver.next(self.sockjs.life().stopping()).await;
        if !receiver.is_attached() {
            self.receiver = None;
        }
        let frame = frame?;
        let piece = self.dress.frame(&frame.text);
        self.octets += piece.len();
        Some(piece)
    }

    /// The session must know before the client can, whose next request may be faster than anything sent later.
    async fn release(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            receiver.release().await;
        }
    }
}
