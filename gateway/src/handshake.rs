//! The WebSocket opening handshake, server side (RFC 6455, section 4.2), over axum's request.
//!
//! axum's own WebSocket type hides the protocol's errors and its buffers; this takes the bare stream out of hyper
//! instead, so that every close has its right code and an idle connection costs little memory.

use axum::extract::Request;
use axum::http::header::{
    CONNECTION, HOST, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::listener::stream::ClientStream;
use crate::transport::websocket::WebSocket;

/// STOMP's sub-protocols, the highest version first.
const PROTOCOLS: [&str; 3] = ["v12.stomp", "v11.stomp", "v10.stomp"];

/// Whether a request wants to become a WebSocket.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, "websocket")
}

/// A handshake that was accepted; the connection exists once the response is out.
pub struct Accepted {
    /// `101 Switching Protocols`.
    pub response: Response,
    upgrade: OnUpgrade,
}

/// Checks a request and prepares the answer.
///
/// # Errors
/// The response that says what is wrong with the request.
pub fn accept(request: Request) -> Result<Accepted, Box<Response>> {
    let headers = request.headers();
    let refuse =
        |status: StatusCode, text: &'static str| Err(Box::new((status, text).into_response()));
    if request.version() != Version::HTTP_11 {
        return refuse(
            StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            "WebSocket needs HTTP/1.1\n",
        );
    }
    if !headers.contains_key(HOST) {
        return refuse(StatusCode::BAD_REQUEST, "Host is missing\n");
    }
    if !is_wanted(headers) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Can \"Upgrade\" only to \"WebSocket\".",
        );
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return refuse(
            StatusCode::BAD_REQUEST,
            "\"Connection\" must be \"Upgrade\".",
        );
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let answer = [(SEC_WEBSOCKET_VERSION, "13")];
        return Err(Box::new(
            (
                StatusCode::UPGRADE_REQUIRED,
                answer,
                "WebSocket version 13 is spoken here\n",
            )
                .into_response(),
        ));
    }
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_key(key)) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Sec-WebSocket-Key is no 16 octets in base64\n",
        );
    };
    let accept_key = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .expect("base64 is a valid header value");
    let protocol = best_protocol(headers);
    let upgrade = hyper::upgrade::on(request);

    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let answer = response.headers_mut();
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept_key);
    if let Some(protocol) = protocol {
        answer.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok(Accepted { response, upgrade })
}

/// Turns the connection into a WebSocket once the response is out.
///
/// # Errors
/// The client went away during the handshake.
pub async fn complete(
    upgrade: OnUpgrade,
    message_octets_max: usize,
) -> Result<WebSocket, &'static str> {
    let upgraded = upgrade
        .await
        .map_err(|_| "the client left during the handshake")?;
    // Taking hyper's connection apart also frees the read buffer it keeps.
    let parts = upgraded
        .downcast::<TokioIo<ClientStream>>()
        .map_err(|_| "not a connection of the listener")?;
    let stream = parts.io.into_inner();
    Ok(WebSocket::new(stream, &parts.read_buf, message_octets_max))
}

impl Accepted {
    /// The response, and what becomes the connection.
    pub fn into_parts(self) -> (Response, OnUpgrade) {
        (self.response, self.upgrade)
    }
}

fn best_protocol(headers: &HeaderMap) -> Option<&'static str> {
    PROTOCOLS.into_iter().find(|protocol| {
        let offers = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        offers
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|offer| offer.trim() == *protocol)
    })
}

/// Whether this can be the base64 form of 16 octets: 22 digits and the padding.
fn is_key(key: &HeaderValue) -> bool {
    let is_digit = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    key.as_bytes()
        .strip_suffix(b"==")
        .is_some_and(|digits| digits.len() == 22 && digits.iter().all(is_digit))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_highest_offered_protocol_is_echoed() {
        for (offers, chosen) in [
            (&["v10.stomp, v11.stomp, v12.stomp"][..], Some("v12.stomp")),
            (&["v10.stomp", "v11.stomp"], Some("v11.stomp")),
            (&["mqtt,v10.stomp"], Some("v10.stomp")),
            (&["mqtt"], None),
            (&[], None),
        ] {
            assert_eq!(best_protocol(&offered(offers)), chosen, "{offers:?}");
        }
    }
}
