//! The servers that are not ours, started, crashed and started again.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

mod cluster;
mod proxy;
mod servers;
