//! The persister against a real nats-server and both real databases.
//!
//! `NATS_SERVER` names the nats-server binary (default: on PATH), `PG_BIN` the directory of PostgreSQL's programs
//! (default: the newest under /usr/lib/postgresql).

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

mod support;

mod crash;
mod directory;
mod fencing;
mod fleet;
mod guarantees;
mod import;
mod import_from_spring;
mod lost_tail;
mod memberships;
mod outage;
mod pipeline;
mod private_chats;
mod program;
mod questions;
mod removal;
mod repetition;
mod retention;
mod runbook;
mod set_aside;
mod setup;
mod several;
mod takeover;
mod typing;
mod wiped_stream;
