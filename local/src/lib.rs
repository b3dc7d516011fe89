//! The whole system as processes on one machine: NATS, a database, persisters, gateways.
//!
//! `make run` is this crate's program; the end-to-end tests use its library to start systems of their own and
//! to break them. It is a tool for development, not a deployment: `deploy/` and `k8s/` hold those.
//!
//! Read in this order: what a child process is ([`process`], and [`reaper`], which sees to it that none
//! outlives us), the kinds of children ([`nats`], [`nats_cluster`], [`postgres`], [`daemon`] with its
//! [`log_line`]s and its [`probe`]), a [`proxy`] between them, the [`system`] made of them, and what can be wrong
//! before the start ([`tools`], [`programs`], [`preflight`]).
//! [`config`], [`run`], [`secret`] and [`summary`] belong to the program.
//!
//! Everything here is start-up code whose errors are read by a person, so all of it returns `anyhow`'s.

#![warn(missing_docs)]

pub mod config;
pub mod daemon;
pub mod log_line;
pub mod nats;
pub mod nats_cluster;
pub mod postgres;
pub mod preflight;
pub mod probe;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod reaper;
pub mod run;
pub mod secret;
pub mod summary;
pub mod system;
pub mod tools;
