//! Who is let in: how many at once, how many a second, from one address and in all, and while there is memory.
//!
//! Newcomers are turned away so that those who are here keep what they have: nothing in this module ever ends a
//! connection that was let in. An address is asked about before the node is, so that a flood from one place spends
//! only its own share and nobody else's.
//!
//! Behind a trusted proxy one TCP peer stands for many clients. Its connections count for the node only, and each
//! client is counted by the address that the proxy saw, once its session begins.

pub mod addresses;
pub mod files;
pub mod memory;
mod start;
pub mod users;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use governor::clock::MonotonicClock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use shared::metric;

use self::addresses::{Addresses, Held};
use self::memory::Memory;
pub use self::start::start;
use crate::client_address::{ClientAddress, Peer, TrustedProxies};

/// A rate may be exceeded for a moment by as much as comes together in so many seconds: pages open several
/// connections at once, and after an outage everybody comes back.
pub const BURST_SECONDS: u32 = 5;

/// When to come back, in seconds, for who was turned away because of what others do.
const BUSY_RETRY_AFTER_SECONDS: &str = "5";

/// Bounds of who is let in; 0 for none, where it is a number.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionLimits {
    /// Most connections.
    pub connections_max: u32,
    /// Most new ones a second.
    pub connections_per_second_max: u32,
    /// Most connections and SockJS sessions of one address.
    pub address_connections_max: u32,
    /// Most new connections of one address a second.
    pub address_connections_per_second_max: u32,
    /// Most questions over HTTP of one address a second.
    pub address_queries_per_second_max: u32,
}

/// Decides who is let in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Admission {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connections_max: u32,
    connections: AtomicU32,
    newcomers: Option<RateLimiter<NotKeyed, InMemoryState, MonotonicClock>>,
    addresses: Addresses,
    memory: Memory,
    proxies: TrustedProxies,
}

/// A place among the connections; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    admission: Admission,
    _address: Option<Held>,
}

/// Why somebody is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// The node has as many connections as it takes.
    Full,
    /// Too many came to the node within a moment.
    Crowd,
    /// The process has as much memory as it may.
    Memory,
    /// The address has as many connections and sessions as it may.
    Address,
    /// The address opened, or asked, too much within a moment.
    AddressRate {
        /// When it may again.
        retry_after: Duration,
    },
}

/// A quota of so many a second, with bursts; `None` for 0, which is no limit.
pub fn quota(per_second: u32) -> Option<Quota> {
    let burst = NonZeroU32::new(per_second.saturating_mul(BURST_SECONDS))?;
    NonZeroU32::new(per_second).map(|rate| Quota::per_second(rate).allow_burst(burst))
}

impl Admission {
    /// Within these limits, for as long as there is memory.
    pub fn new(limits: AdmissionLimits, memory: Memory, proxies: TrustedProxies) -> Self {
        let newcomers = quota(limits.connections_per_second_max)
            .map(|quota| RateLimiter::direct_with_clock(quota, MonotonicClock));
        Self {
            inner: Arc::new(Inner {
                connections_max: limits.connections_max,
                connections: AtomicU32::new(0),
                newcomers,
                addresses: Addresses::new(&limits),
                memory,
                proxies,
            }),
        }
    }

    /// A TCP connection has come.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn connection(&self, peer: Peer) -> Result<Place, TurnedAway> {
        let address = if self.inner.proxies.trust(peer.address) {
            None
        } else {
            let addresses = &self.inner.addresses;
            addresses.check_newcomer(peer.address)?;
            Some(addresses.hold(peer.address)?)
        };
        if self.inner.memory.is_used_up() {
            return Err(TurnedAway::Memory);
        }
        let place = self.take_place(address)?;
        let crowded = |crowd: &RateLimiter<_, _, _>| crowd.check().is_err();
        if self.inner.newcomers.as_ref().is_some_and(crowded) {
            return Err(TurnedAway::Crowd);
        }
        Ok(place)
    }

    /// A session of `client` begins on a connection from `peer` that carries nothing else.
    ///
    /// # Errors
    /// Why it must not.
    pub fn session(&self, peer: Peer, client: ClientAddress) -> Result<Option<Held>, TurnedAway> {
        if peer.address == client.0 {
            // Its connection is counted already, and lasts as long.
            return Ok(None);
        }
        self.newcomer_behind_proxy(client).map(Some)
    }

    /// A session over plain HTTP begins, which no connection stands for.
    ///
    /// # Errors
    /// Why it must not.
    pub fn session_over_http(&self, client: ClientAddress) -> Result<Held, TurnedAway> {
        self.newcomer_behind_proxy(client)
    }

    /// A question over HTTP has come.
    ///
    /// # Errors
    /// It is one too many at the moment.
    pub fn query(&self, client: ClientAddress) -> Result<(), TurnedAway> {
        self.inner.addresses.check_query(client.0)
    }

    fn newcomer_behind_proxy(&self, client: ClientAddress) -> Result<Held, TurnedAway> {
        let addresses = &self.inner.addresses;
        addresses.check_newcomer(client.0)?;
        let held = addresses.hold(client.0)?;
        if self.inner.memory.is_used_up() {
            return Err(TurnedAway::Memory);
        }
        Ok(held)
    }

    /// Forgets addresses that hold nothing and asked for nothing of late. To be called now and then.
    pub fn tidy(&self) {
        self.inner.addresses.tidy();
    }

    fn take_place(&self, address: Option<Held>) -> Result<Place, TurnedAway> {
        // The place exists before it is known whether there is room: dropping it takes it back.
        let before = self.inner.connections.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            admission: self.clone(),
            _address: address,
        };
        if before < self.inner.connections_max {
            Ok(place)
        } else {
            Err(TurnedAway::Full)
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission
            .inner
            .connections
            .fetch_sub(1, Ordering::Relaxed);
    }
}

impl TurnedAway {
    /// The label of metrics and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Crowd => "crowd",
            Self::Memory => "memory",
            Self::Address => "address",
            Self::AddressRate { .. } => "address_rate",
        }
    }

    /// Counts it.
    pub fn count(self) {
        metrics::counter!(metric::TURNED_AWAY, "reason" => self.name()).increment(1);
    }

    /// Counts it and says so in the log.
    pub fn record(self, address: IpAddr) {
        self.count();
        // Not at a level that a flood could fill disks with: the metric tells that there is one.
        tracing::debug!(client.address = %address, reason = self.name(), "turned away");
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Full | Self::Crowd | Self::Memory => {
                "This gateway takes no more clients at the moment.\n"
            }
            Self::Address => "Your address has as many connections as it may.\n",
            Self::AddressRate { .. } => "Your address asks for too much in a short time.\n",
        }
    }
}

impl IntoResponse for TurnedAway {
    /// 503 where the node has no room, 429 where the client's address takes too much of it.
    fn into_response(self) -> Response {
        let (status, retry_after) = match self {
            Self::Full | Self::Crowd | Self::Memory => (
                StatusCode::SERVICE_UNAVAILABLE,
                BUSY_RETRY_AFTER_SECONDS.to_owned(),
            ),
            Self::Address => (
                StatusCode::TOO_MANY_REQUESTS,
                BUSY_RETRY_AFTER_SECONDS.to_owned(),
            ),
            Self::AddressRate { retry_after } => (
                StatusCode::TOO_MANY_REQUESTS,
                // The header knows whole seconds only.
                retry_after.as_secs().saturating_add(1).to_string(),
            ),
        };
        (status, [(RETRY_AFTER, retry_after)], self.text()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMITS: AdmissionLimits = AdmissionLimits {
        connections_max: u32::MAX,
        connections_per_second_max: 0,
        address_connections_max: 0,
        address_connections_per_second_max: 0,
        address_queries_per_second_max: 0,
    };

    fn admission(limits: AdmissionLimits) -> Admission {
        let proxies = TrustedProxies::new(&["10.0.0.0/8".parse().unwrap()]);
        Admission::new(limits, Memory::without_bound(), proxies)
    }

    fn peer(address: &str) -> Peer {
        Peer {
            address: address.parse().unwrap(),
            secure: false,
        }
    }

    fn client(address: &str) -> ClientAddress {
        ClientAddress(address.parse().unwrap())
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone() {
        let admission = admission(AdmissionLimits {
            connections_max: 2,
            ..NO_LIMITS
        });
        let first = admission.connection(peer("192.0.2.1")).unwrap();
        let _second = admission.connection(peer("10.0.0.1")).unwrap();
        for _ in 0..3 {
            let third = admission.connection(peer("192.0.2.3"));
            assert_eq!(third.err(), Some(TurnedAway::Full));
        }
        drop(first);
        assert!(admission.connection(peer("192.0.2.3")).is_ok());
    }

    #[test]
    fn one_address_cannot_take_the_places_of_others() {
        let admission = admission(AdmissionLimits {
            address_connections_max: 2,
            connections_per_second_max: 1,
            ..NO_LIMITS
        });
        let places: Vec<_> = (0..20)
            .map(|_| admission.connection(peer("192.0.2.1")))
            .collect();
        assert_eq!(places.iter().filter(|place| place.is_ok()).count(), 2);
        let refused = |place: &&Result<_, _>| matches!(place, Err(TurnedAway::Address));
        assert_eq!(places.iter().filter(refused).count(), 18);
        // Two of the five that the node takes at once were used, not twenty.
        for address in ["192.0.2.2", "192.0.2.3", "192.0.2.4"] {
            assert!(admission.connection(peer(address)).is_ok(), "{address}");
        }
        let sixth = admission.connection(peer("192.0.2.5"));
        assert_eq!(sixth.err(), Some(TurnedAway::Crowd));
    }

    #[test]
    fn behind_a_proxy_clients_count_by_their_own_address() {
        let admission = admission(AdmissionLimits {
            address_connections_max: 1,
            ..NO_LIMITS
        });
        let proxy = peer("10.0.0.1");
        let _road = [
            admission.connection(proxy).unwrap(),
            admission.connection(proxy).unwrap(),
        ];
        let first = admission.session(proxy, client("192.0.2.1")).unwrap();
        let second = admission.session(proxy, client("192.0.2.1"));
        assert_eq!(second.err(), Some(TurnedAway::Address));
        assert!(admission.session(proxy, client("192.0.2.2")).is_ok());
        drop(first);
        assert!(admission.session(proxy, client("192.0.2.1")).is_ok());
        // Without a proxy the connection counted already.
        let direct = peer("192.0.2.9");
        let _place = admission.connection(direct).unwrap();
        assert!(admission.session(direct, client("192.0.2.9")).is_ok());
        let polling = admission.session_over_http(client("192.0.2.9"));
        assert_eq!(polling.err(), Some(TurnedAway::Address));
    }

    #[test]
    fn the_rate_of_an_address_is_its_own_and_says_when_to_come_back() {
        let admission = admission(AdmissionLimits {
            address_connections_per_second_max: 1,
            address_queries_per_second_max: 1,
            ..NO_LIMITS
        });
        for _ in 0..BURST_SECONDS {
            assert!(admission.connection(peer("192.0.2.1")).is_ok());
            assert!(admission.query(client("192.0.2.1")).is_ok());
        }
        for refused in [
            admission.connection(peer("192.0.2.1")).err(),
            admission.query(client("192.0.2.1")).err(),
        ] {
            let Some(TurnedAway::AddressRate { retry_after }) = refused else {
                panic!("{refused:?}");
            };
            assert!(retry_after <= Duration::from_secs(1), "{retry_after:?}");
        }
        assert!(admission.connection(peer("192.0.2.2")).is_ok());
        assert!(admission.query(client("192.0.2.2")).is_ok());
    }
}
