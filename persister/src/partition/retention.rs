//! Prunes the old events of a partition, for as long as it is owned: one small step, then a pause several times
//! as long, so that the writer hardly notices.

use std::convert::Infallible;
use std::time::Duration;

use shared::metric;
use shared::partition::Partition;
use tokio::time::{Instant, sleep};

use super::Office;
use crate::backoff::jittered;
use crate::retention::{Class, Keep};

/// Wait before looking again when nothing was left to prune, and after a failure.
const IDLE: Duration = Duration::from_mins(1);

/// Shortest pause after a step.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// How many times as long as a step the pause after it is: a fifth of the time at most is spent on pruning.
const PAUSE_STEPS: u32 = 4;

/// Prunes for as long as it is polled.
pub(super) async fn prune(office: &Office, partition: Partition) -> Infallible {
    loop {
        let mut more = false;
        for class in Class::ALL {
            let Keep::For(keep) = office.retention.of(class) else {
                continue;
            };
            let start = Instant::now();
            match office.store.prune(partition, class, keep).await {
                Ok(step) => {
                    more |= step.more;
                    metrics::counter!(metric::PRUNED, "class" => class.name())
                        .increment(step.pruned);
                }
                Err(error) => {
                    tracing::debug!(%partition, %error, "old events could not be pruned");
                    more = false;
                    break;
                }
            }
            sleep((start.elapsed() * PAUSE_STEPS).max(PAUSE_MIN)).await;
        }
        if !more {
            sleep(jittered(IDLE)).await;
        }
    }
}
