//! How long to wait before trying again: longer each time, never too long, never in step with others.

use std::time::Duration;

use rand::Rng;

/// First and longest wait.
const DELAY_MIN: Duration = Duration::from_millis(50);
const DELAY_MAX: Duration = Duration::from_secs(2);

/// The waits of one effort.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: DELAY_MIN }
    }
}

impl Backoff {
    /// Waits, and makes the next wait twice as long.
    pub async fn wait(&mut self) {
        tokio::time::sleep(jittered(self.next)).await;
        self.next = (self.next * 2).min(DELAY_MAX);
    }
}

/// Between three and five quarters of `around`, so that replicas do not ask the database in step.
pub fn jittered(around: Duration) -> Duration {
    around.mul_f64(rand::rng().random_range(0.75..1.25))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_up_to_the_bound() {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        for _ in 0..10 {
            let start = tokio::time::Instant::now();
            backoff.wait().await;
            waits.push(start.elapsed());
        }
        assert!(waits[0] < DELAY_MIN * 2);
        assert!(waits.iter().all(|wait| *wait <= DELAY_MAX.mul_f64(1.26)));
        assert!(waits[9] >= DELAY_MAX.mul_f64(0.74));
    }
}
