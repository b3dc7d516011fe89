//! What gateway and persister agree on, and nothing else: no STOMP, no SQL.
//!
//! ```text
//! gateway ──cmd.<p>.<chat>.<TYPE>──▶ stream CMD_<p> ──▶ persister (owner of partition p)
//!    ▲ ▲                                                     │ one database transaction
//!    │ └────────── out.<gateway>  (outcomes, core) ◀─────────┤
//!    ├──────────── ev.<p>.<chat>  (stream EV_<p>) ◀──────────┤
//!    ├──────────── hb.<p>         (beacon, core)  ◀──────────┘
//!    └──svc.{heads,events,outcome} (request/reply) ──▶ any persister
//! ```
//!
//! Read in this order: the nouns ([`id`], [`event`], [`command`], [`error_code`]), who may do what
//! ([`policy`]), how they travel
//! ([`partition`], [`subject`], [`stream`], [`envelope`], [`beacon`], [`query`]), and what both
//! daemons are made of ([`bus`], [`config`], [`telemetry`], [`trace`], [`metric`], [`admin`], [`healthcheck`],
//! [`lifecycle`], [`clock`]).

#![warn(missing_docs)]

pub mod admin;
pub mod beacon;
pub mod bus;
pub mod clock;
pub mod command;
pub mod config;
pub mod envelope;
pub mod error_code;
pub mod event;
pub mod healthcheck;
pub mod id;
pub mod lifecycle;
pub mod metric;
#[cfg(feature = "openapi")]
mod openapi;
pub mod partition;
pub mod policy;
pub mod query;
pub mod stream;
pub mod subject;
pub mod telemetry;
pub mod trace;
