//! The system as processes, driven by real clients: what the contract promises, and what happens when parts of
//! it break. Each test has a system of its own on free ports, and leaves nothing behind.
//!
//! The programs under test are those that `cargo build` left beside this one; `make test` builds them first.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

mod support;

mod alerts;
mod asyncapi;
mod client_libraries;
mod client_recipes;
mod database_outage;
mod database_roles;
mod errors_reach_the_sender;
mod healthcheck;
mod helper_package;
mod nats_keys;
mod nats_outage;
mod nats_permissions;
mod nats_tls;
mod one_trace;
mod packed_commands;
mod persister_crash;
mod playground;
mod private_chats;
mod queries_over_http;
mod racing_joins;
mod resume;
mod runner;
mod settings;
mod shutdown;
mod starting;
mod two_gateways;
mod typing_ends;
