//! How fast each user may send, through all of their sessions on this gateway.

use std::sync::Arc;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::{Clock, MonotonicClock};
use governor::state::keyed::HashMapStateStore;
use shared::id::UserId;

use super::quota;

/// The buckets of all users who sent something of late; cheap to clone. Their number is bounded by the sessions
/// there were since the last [`Self::tidy`].
#[derive(Debug, Clone)]
pub struct UserRates {
    sends: Option<Arc<RateLimiter<UserId, HashMapStateStore<UserId>, MonotonicClock>>>,
}

impl UserRates {
    /// Most SENDs of a user a second; 0 for no limit.
    pub fn new(sends_per_second_max: u32) -> Self {
        let limiter = |quota| Arc::new(RateLimiter::hashmap_with_clock(quota, MonotonicClock));
        Self {
            sends: quota(sends_per_second_max).map(limiter),
        }
    }

    /// A user sends something.
    ///
    /// # Errors
    /// How long it came too early.
    pub fn send(&self, user: UserId) -> Result<(), Duration> {
        let Some(limiter) = &self.sends else {
            return Ok(());
        };
        limiter
            .check_key(&user)
            .map_err(|until| until.wait_time_from(limiter.clock().now()))
    }

    /// Forgets users who sent nothing of late. To be called now and then.
    pub fn tidy(&self) {
        if let Some(limiter) = &self.sends {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::BURST_SECONDS;
    use super::*;

    #[test]
    fn each_user_has_a_bucket_of_their_own() {
        let rates = UserRates::new(1);
        let [first, second] = [1, 2].map(|id| UserId::try_from(id).unwrap());
        for _ in 0..BURST_SECONDS {
            assert_eq!(rates.send(first), Ok(()));
        }
        let retry_after = rates.send(first).unwrap_err();
        assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(1));
        assert_eq!(rates.send(second), Ok(()));
        assert!((0..1_000).all(|_| UserRates::new(0).send(first).is_ok()));
    }
}
