//! Where a client is, also behind the proxies that the operator trusts.
//!
//! What a header says of an address is only worth as much as who wrote it. The TCP peer is certain; if it is one
//! of `--trusted-proxies`, then the rightmost entry of `X-Forwarded-For` is what that proxy saw, and so on to the
//! left for as long as the entries are trusted proxies themselves. Whatever stands further left was written by
//! somebody nobody knows, and counts for nothing.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a TCP connection, as the listener sees it: the client, or the nearest proxy. In the extensions
/// of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Where it is.
    pub address: IpAddr,
    /// Whether it came over TLS.
    pub secure: bool,
}

/// Where the client is, as far as that can be known. In the extensions of every request that reaches a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// The proxies whose word about their clients counts; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl Peer {
    /// An IPv4 address that came in through an IPv6 socket is an IPv4 address.
    pub fn new(address: SocketAddr, secure: bool) -> Self {
        Self {
            address: address.ip().to_canonical(),
            secure,
        }
    }
}

impl TrustedProxies {
    /// Those in these networks.
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    /// Whether what comes from this address was forwarded by a trusted proxy.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Where the client is whose request came from `peer`.
    ///
    /// An entry that is no address ends the search at the proxy that wrote it.
    pub fn client_address(&self, peer: Peer, headers: &HeaderMap) -> ClientAddress {
        let mut client = peer.address;
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|octet| *octet == b','));
        while self.trust(client) {
            match entries.next().and_then(forwarded_address) {
                Some(address) => client = address,
                None => break,
            }
        }
        ClientAddress(client)
    }
}

/// An entry of `X-Forwarded-For`: an address, for some proxies with a port.
fn forwarded_address(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let address = entry.parse::<IpAddr>().ok();
    let address = address.or_else(|| entry.parse::<SocketAddr>().ok().map(|both| both.ip()));
    address.map(|address| address.to_canonical())
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        // The listener says of every request where it came from.
        let peer = parts.extensions.get::<Self>().copied();
        peer.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        // Every request comes through the gate, which puts it there.
        let address = parts.extensions.get::<Self>().copied();
        address.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &[&'static str]) -> String {
        let proxies = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let peer = Peer::new(SocketAddr::new(peer.parse().unwrap(), 4_711), false);
        let headers = forwarded
            .iter()
            .map(|line| (X_FORWARDED_FOR, HeaderValue::from_static(line)))
            .collect();
        TrustedProxies::new(&proxies)
            .client_address(peer, &headers)
            .to_string()
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
        for (peer, forwarded, expected) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7, 10.9.9.9"], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7", "10.9.9.9"], "203.0.113.7"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            // With a port, as some balancers write it.
            ("10.0.0.1", &["203.0.113.7:50000"], "203.0.113.7"),
            ("10.0.0.1", &["[2001:db8::7]:50000"], "2001:db8::7"),
            // What the client wrote itself stands to the left of what the proxy saw.
            ("10.0.0.1", &["1.2.3.4, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["1.2.3.4", "203.0.113.7"], "203.0.113.7"),
        ] {
            assert_eq!(client(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn nobody_else_is_believed() {
        for (peer, forwarded, expected) in [
            ("198.51.100.2", &["203.0.113.7"][..], "198.51.100.2"),
            ("198.51.100.2", &["10.0.0.1"], "198.51.100.2"),
            // Nothing, or nothing legible: the last one known.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7, bad, 10.2.2.2"], "10.2.2.2"),
            ("10.0.0.1", &["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ] {
            assert_eq!(client(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn one_host_has_one_address() {
        assert_eq!(
            client("::ffff:10.0.0.1", &["::ffff:203.0.113.7"]),
            "203.0.113.7"
        );
    }
}
