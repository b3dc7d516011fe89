//! How fast a client may send and subscribe.
//!
//! Two buckets that fill with time: one empty means that the frame is refused and the session goes on. A third one
//! counts the refusals themselves: whoever does not stop for them is closed. The buckets are `governor`'s, on a
//! clock that shows what the caller says, since a session has none of its own.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// Rates of a session; 0 for no limit.
#[derive(Debug, Clone, Copy)]
pub struct RateLimits {
    /// Most SENDs a second.
    pub sends_per_second_max: u32,
    /// Most SUBSCRIBEs a second.
    pub subscribes_per_second_max: u32,
    /// Most refusals of either in a minute; one more ends the session.
    pub refusals_per_minute_max: u32,
}

/// The buckets of one session.
#[derive(Debug)]
pub(super) struct Rates {
    sends: Bucket,
    subscribes: Bucket,
    refusals: Bucket,
}

#[derive(Debug)]
struct Bucket(Option<RateLimiter<NotKeyed, InMemoryState, CallersClock>>);

/// Shows the time it was set to.
#[derive(Debug)]
struct CallersClock(Cell<Instant>);

impl Clock for CallersClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        self.0.get()
    }
}

impl Rates {
    /// Full buckets.
    pub(super) fn new(limits: RateLimits, now: Instant) -> Self {
        let per_minute = NonZeroU32::new(limits.refusals_per_minute_max).map(Quota::per_minute);
        Self {
            sends: Bucket::new(crate::admission::quota(limits.sends_per_second_max), now),
            subscribes: Bucket::new(
                crate::admission::quota(limits.subscribes_per_second_max),
                now,
            ),
            refusals: Bucket::new(per_minute, now),
        }
    }

    /// A SEND has come; `Err` is how long it came too early.
    pub(super) fn send(&self, now: Instant) -> Result<(), Duration> {
        self.sends.take(now)
    }

    /// A SUBSCRIBE has come; `Err` is how long it came too early.
    pub(super) fn subscribe(&self, now: Instant) -> Result<(), Duration> {
        self.subscribes.take(now)
    }

    /// The client was refused something for its rate; whether it has been so too often.
    pub(super) fn is_ignored(&self, now: Instant) -> bool {
        self.refusals.take(now).is_err()
    }
}

impl Bucket {
    fn new(quota: Option<Quota>, now: Instant) -> Self {
        let clock = |quota| RateLimiter::direct_with_clock(quota, CallersClock(Cell::new(now)));
        Self(quota.map(clock))
    }

    fn take(&self, now: Instant) -> Result<(), Duration> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        limiter.clock().0.set(now);
        limiter.check().map_err(|until| until.wait_time_from(now))
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            sends_per_second_max: 50,
            subscribes_per_second_max: 50,
            refusals_per_minute_max: 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RateLimits = RateLimits {
        sends_per_second_max: 10,
        subscribes_per_second_max: 0,
        refusals_per_minute_max: 3,
    };

    #[test]
    fn a_burst_passes_and_then_one_for_each_interval() {
        let start = Instant::now();
        let rates = Rates::new(LIMITS, start);
        for _ in 0..50 {
            assert_eq!(rates.send(start), Ok(()));
        }
        assert_eq!(rates.send(start), Err(Duration::from_millis(100)));
        let early = start + Duration::from_millis(99);
        assert_eq!(rates.send(early), Err(Duration::from_millis(1)));
        let later = start + Duration::from_millis(100);
        assert_eq!(rates.send(later), Ok(()));
        assert!(rates.send(later).is_err());
    }

    #[test]
    fn zero_is_no_limit() {
        let start = Instant::now();
        let rates = Rates::new(LIMITS, start);
        assert!((0..100_000).all(|_| rates.subscribe(start).is_ok()));
    }

    #[test]
    fn some_refusals_a_minute_are_forgiven() {
        let start = Instant::now();
        let rates = Rates::new(LIMITS, start);
        for _ in 0..3 {
            assert!(!rates.is_ignored(start));
        }
        assert!(rates.is_ignored(start));
        assert!(!rates.is_ignored(start + Duration::from_secs(20)));
    }
}
