//! Who may ask about sessions: whoever is on this machine, and no page in a browser there.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Browsers say with it what kind of page asks; other programs have no reason to send it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request through, or refuses it.
pub(super) async fn pass(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match check(peer.ip(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(text) => (StatusCode::FORBIDDEN, text).into_response(),
    }
}

fn check(peer: IpAddr, headers: &HeaderMap) -> Result<(), &'static str> {
    if !peer.to_canonical().is_loopback() {
        return Err(
            "sessions are shown on the machine itself only: run `gateway sessions` there\n",
        );
    }
    // A page may get here through a name that its owner points at 127.0.0.1.
    if headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE) {
        return Err("not for pages in a browser\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_programs_on_this_machine_are_answered() {
        let no_headers = HeaderMap::new();
        for (peer, expected) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.7", false),
            ("::ffff:10.0.0.7", false),
            ("fe80::1", false),
            ("2001:db8::1", false),
        ] {
            let allowed = check(peer.parse().unwrap(), &no_headers).is_ok();
            assert_eq!(allowed, expected, "{peer}");
        }
        for (name, value) in [(ORIGIN, "http://evil.example"), (SEC_FETCH_SITE, "none")] {
            let headers = [(name, HeaderValue::from_static(value))];
            let headers = headers.into_iter().collect();
            assert!(check([127, 0, 0, 1].into(), &headers).is_err(), "{value}");
        }
    }
}
