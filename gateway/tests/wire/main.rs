//! STOMP over WebSocket as clients see it, octet by octet, against the real gateway process and a real NATS
//! server; only the persister is played by the tests. A file per topic, mostly tables: what goes in on the left,
//! what comes out on the right.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a panic is the report of a failure"
)]

mod acknowledging;
mod admission;
mod bounds;
mod closing;
mod connecting;
mod framing;
mod handshake;
mod headers;
mod heart_beats;
mod issuer;
mod measuring;
mod operators;
mod origins;
mod rates;
mod receiving;
mod sending;
mod slow_consumer;
mod subscribing;
mod support;
mod tables;
mod tls;
mod tokens;
mod transactions;
mod websocket;
