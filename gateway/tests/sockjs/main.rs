//! SockJS as clients see it, against real gateways and a real NATS server. The cases are those of the protocol's
//! own test suite (0.3.3 and its later corrections), said in STOMP since no gateway echoes, and those that the
//! protocol leaves to a load balancer: sessions whose requests come to different gateways.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends at the first thing that is not as it should be"
)]

mod closing;
mod gateways;
mod http_versions;
mod outages;
mod polling;
mod session_urls;
mod static_urls;
mod stomp;
mod streaming;
mod support;
mod websocket;
