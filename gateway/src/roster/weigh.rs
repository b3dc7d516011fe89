//! How much waits for clients, as metrics.
//!
//! Summed up now and then over all queues instead of being counted at each event: the road of events stays free of it.

use std::time::Duration;

use shared::metric;

use super::{Roster, lock};

/// How often the queues are summed up: within every interval of scraping that is in use.
const INTERVAL: Duration = Duration::from_secs(5);

/// Keeps the metrics of the queues up to date for as long as it is polled.
pub async fn weigh(roster: Roster) {
    let (all, largest) = (
        metrics::gauge!(metric::OUTBOUND_OCTETS),
        metrics::gauge!(metric::OUTBOUND_OCTETS_LARGEST),
    );
    let mut tick = tokio::time::interval(INTERVAL);
    loop {
        tick.tick().await;
        let weight = roster.weight().await;
        #[expect(clippy::cast_precision_loss, reason = "exact far beyond any memory")]
        {
            all.set(weight.all as f64);
            largest.set(weight.largest as f64);
        }
    }
}

/// Octets in queues.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) all: usize,
    pub(super) largest: usize,
}

impl Roster {
    pub(super) async fn weight(&self) -> Weight {
        let mut weight = Weight::default();
        for shard in self.shards.iter() {
            for entry in lock(shard).values() {
                let octets = entry.outbound_octets();
                weight.all += octets;
                weight.largest = weight.largest.max(octets);
            }
            // Others may have waited for this thread meanwhile.
            tokio::task::yield_now().await;
        }
        weight
    }
}
