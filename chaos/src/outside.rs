//! Load and judgement for a system that somebody else runs and breaks: containers, a cluster.
//!
//! Nothing may have happened in its chats before, since a subscriber's record of a chat has to begin where the
//! database's does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::run::{Scene, empty, play};
use crate::summary::Summary;
use crate::tally::Tally;

/// Whom to watch.
pub struct Outside {
    /// Decides what clients want.
    pub seed: u64,
    /// How long, unless a SIGTERM comes before.
    pub length: Duration,
    /// Gateways, or a balancer in front of them.
    pub gateways: Vec<SocketAddr>,
    /// The database behind them.
    pub database_url: String,
    /// Chats in which nothing has happened.
    pub chats: Vec<i64>,
    /// Folder of the log; emptied first.
    pub folder: PathBuf,
}

/// Sends and watches until the time is over or a SIGTERM comes, then judges.
///
/// # Errors
/// When the system could not be reached or read. Broken promises are in the summary.
pub async fn attend(outside: Outside) -> anyhow::Result<Summary> {
    let logs = empty(&outside.folder)?;
    let tally = Arc::new(Tally::new(&logs.join("chaos.log"))?);
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let scene = Scene {
        seed: outside.seed,
        chats: outside.chats,
        addresses: outside.gateways,
        admins: Vec::new(),
        database_url: outside.database_url,
        // How long its lease is, is not ours to say.
        typing_checked: false,
        logs,
    };
    play(scene, &tally, async |stop| {
        tokio::select! {
            () = sleep(outside.length) => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    })
    .await
}
