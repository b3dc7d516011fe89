//! Breaks every part of the system at random, under load, and judges what came of it.
//!
//! Two gateways, three persisters, a NATS cluster of three and PostgreSQL run as real processes. Senders and
//! subscribers talk to the gateways like any client would and come back whenever they are cut off. Meanwhile
//! processes are killed, stopped and restarted, and connections are cut. At the end the evidence (what senders
//! were told, what subscribers saw, what the database holds) is judged as a whole.
//!
//! The seed decides the faults and what each client wants to do, but not how all of it interleaves: that is the
//! operating system's.
//!
//! Read in this order: the [`plan`] of faults (pure), the [`ground`] they happen on and the [`faults`] that carry
//! them out; the clients ([`stomp`], [`sender`], [`subscriber`], with their common [`tally`]); the [`evidence`],
//! the [`records`] that the database adds to it, and the [`check`] (pure) that finds each [`violation`]; the
//! [`run`] of all that, its [`config`] and its [`summary`]; and the [`outside`], where somebody else breaks things.
//! Apart from all that, [`rolling`] is what ought to be no fault at all, a deploy, and [`siege`] is what strangers do.

#![warn(missing_docs)]

pub mod check;
pub mod config;
pub mod evidence;
pub mod faults;
pub mod ground;
pub mod outside;
pub mod plan;
pub mod program;
pub mod records;
pub mod rolling;
pub mod run;
pub mod sender;
pub mod siege;
pub mod stomp;
pub mod subscriber;
pub mod summary;
pub mod tally;
pub mod violation;
