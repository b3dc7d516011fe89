//! How fast the system is, beside its peers and beside what the machine allows.
//!
//! `bench` plays scenarios on one server after the other, from one core, while the server has another. It checks
//! every delivery while it measures: a figure of a run that lost, doubled or disordered anything is no figure.
//!
//! Read in this order: what a client receives ([`delivered`]) and speaks ([`websocket`], [`dialect`]), all clients
//! of a server ([`crowd`]), the books on what they got ([`ledger`], [`receipts`]), where events come from ([`feed`]), the servers
//! ([`server`], and [`limit`], the one of ours that shows what the machine allows), all of it together ([`stage`]),
//! what is played ([`scenario`]), what the kernel says it cost ([`machine`]), and all of it in a row with its report
//! ([`suite`], [`report`]).
//!
//! Apart from all that: the hot functions of both daemons, alone ([`hot_path`], [`budget`]); and what no machine here can run, worked out ([`capacity`]).
//!
//! Everything here is read by a person at a terminal, so all errors are `anyhow`'s.

#![warn(missing_docs)]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures for people need no 53 bits"
)]

pub mod budget;
pub mod capacity;
pub mod config;
pub mod crowd;
pub mod delivered;
pub mod dialect;
pub mod feed;
pub mod hot_path;
pub mod ledger;
pub mod limit;
pub mod machine;
pub mod receipts;
pub mod report;
pub mod scenario;
pub mod server;
pub mod stage;
pub mod suite;
pub mod websocket;
