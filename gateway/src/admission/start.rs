//! Admission as the settings want it, with the tasks that go along.

use std::time::Duration;

use anyhow::Context;
use shared::lifecycle::Lifecycle;

use super::memory::Memory;
use super::users::UserRates;
use super::{Admission, files};
use crate::client_address::TrustedProxies;
use crate::config::AdmissionConfig;

/// How often addresses and users are forgotten that asked for nothing of late.
const TIDY_INTERVAL: Duration = Duration::from_secs(10);

/// Lets in what the settings say, or what the file descriptors allow where that is less.
///
/// # Errors
/// The limit of file descriptors cannot be raised.
pub fn start(
    config: &AdmissionConfig,
    proxies: &TrustedProxies,
    life: &Lifecycle,
) -> anyhow::Result<(Admission, UserRates)> {
    let memory = Memory::new(config.memory_max);
    match memory.octets_max() {
        Some(octets_max) => {
            tracing::info!(octets_max, "new clients are taken up to this much memory");
        }
        None => tracing::warn!("the memory of this process cannot be watched; give --memory-max"),
    }
    life.spawn_attendant("memory", memory.clone().watch());
    let possible = files::raise_limit().context("cannot raise the limit of file descriptors")?;
    let mut limits = config.limits();
    if possible < limits.connections_max {
        let wanted = limits.connections_max;
        tracing::warn!(
            wanted,
            possible,
            "file descriptors allow fewer connections than --connections-max"
        );
        limits.connections_max = possible;
    }
    let admission = Admission::new(limits, memory, proxies.clone());
    let user_rates = UserRates::new(config.user_sends_per_second_max);
    life.spawn_attendant("tidying", tidy(admission.clone(), user_rates.clone()));
    Ok((admission, user_rates))
}

async fn tidy(admission: Admission, users: UserRates) {
    let mut interval = tokio::time::interval(TIDY_INTERVAL);
    loop {
        interval.tick().await;
        admission.tidy();
        users.tidy();
    }
}
