//! Listens to the owners of the partitions and passes on what they say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use shared::beacon::Beacon;
use shared::bus::Bus;
use shared::subject;

use crate::fanout::Fanout;
use crate::owners::Owners;

/// Longest wait for room in the NATS client's queue at start.
const SUBSCRIBE_MAX: Duration = Duration::from_secs(2);

/// Runs until the NATS client ends, or until the number of partitions is no longer what it was: then this
/// process knows nothing true about subjects any more and has to start again.
pub async fn run(bus: Bus, owners: Arc<Owners>, fanout: Fanout) {
    let subscribed =
        tokio::time::timeout(SUBSCRIBE_MAX, bus.client.subscribe(subject::ALL_BEACONS)).await;
    let Ok(Ok(mut beacons)) = subscribed else {
        tracing::error!("cannot subscribe to beacons");
        return;
    };
    while let Some(message) = beacons.next().await {
        match serde_json::from_slice::<Beacon>(&message.payload) {
            Ok(beacon) => {
                if let Err(error) = owners.on_beacon(&beacon, Instant::now()) {
                    tracing::error!(%error, "starting again");
                    return;
                }
                fanout.on_beacon(&beacon).await;
            }
            Err(error) => {
                tracing::error!(%error, subject = %message.subject, "a beacon cannot be read");
            }
        }
    }
}
