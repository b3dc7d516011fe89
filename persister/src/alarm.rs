//! A time to wake up at that others may bring forward.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Set by many, waited for by one.
#[derive(Debug, Default)]
pub struct Alarm {
    at: Mutex<Option<Instant>>,
    brought_forward: Notify,
}

impl Alarm {
    /// Rings at this time, or earlier if it was to ring earlier.
    pub fn no_later_than(&self, time: Instant) {
        let mut at = self.at();
        if at.is_none_or(|at| time < at) {
            *at = Some(time);
            self.brought_forward.notify_one();
        }
    }

    /// Waits until it rings; then it is not set any more. Cancel safe.
    pub async fn wait(&self) {
        loop {
            let at = *self.at();
            let ring = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ring => {
                    *self.at() = None;
                    return;
                }
                () = self.brought_forward.notified() => {}
            }
        }
    }

    fn at(&self) -> MutexGuard<'_, Option<Instant>> {
        // Nothing in here panics half-way.
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_the_earliest_time_it_was_set_to() {
        let alarm = Alarm::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        alarm.no_later_than(after(9));
        alarm.no_later_than(after(12));
        tokio::join!(alarm.wait(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            alarm.no_later_than(after(4));
        });
        assert_eq!(start.elapsed(), Duration::from_secs(4));

        alarm.no_later_than(after(6));
        alarm.wait().await;
        assert_eq!(start.elapsed(), Duration::from_secs(6));
    }
}
