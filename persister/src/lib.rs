//! The persister: the only process that touches the database.
//!
//! ```text
//! stream CMD_<p> ──reader──▶ owner ──one transaction per batch──▶ database
//!                              └──publisher──▶ stream EV_<p>, then out.<gateway>
//! ```
//!
//! Read in this order: [`delivery`] (a command as it comes), [`decide`] (what it comes to; pure), [`store`] (one
//! transaction per batch), [`publish`] (what is told to whom); then who does it when: [`partition`] (the life of
//! a partition, with [`reader`], [`history`] and [`progress`]), [`fleet`] (who owns how many), [`queries`]
//! (questions of gateways), [`app`] (all of it together). The database itself: [`database`], [`entity`],
//! [`migration`]. By hand: [`provision`], [`import`],
//! [`terminal`].

pub mod alarm;
pub mod app;
pub mod backoff;
pub mod config;
pub mod database;
pub mod decide;
pub mod delivery;
pub mod entity;
pub mod fleet;
pub mod health;
pub mod history;
pub mod import;
pub mod migration;
pub mod partition;
pub mod progress;
pub mod provision;
pub mod publish;
pub mod queries;
pub mod reader;
pub mod retention;
pub mod set_aside;
pub mod store;
pub mod terminal;
