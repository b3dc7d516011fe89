//! Whether the owner is so far behind that a new command would not be answered in time.
//!
//! Pure: once a second it is told how far the owner has come and how many messages wait. How fast the owner is
//! shows only while it has more than enough to do; of other times it is known only that it kept up. It counts messages, as
//! the stream does; each is one command, or several when more come than an owner does one by one.

use std::time::Duration;

use tokio::time::Instant;

use super::owner::BATCH_COMMANDS_MAX;

/// Longest a new command may have to wait. Gateways give up after ten seconds.
const WAIT_MAX: Duration = Duration::from_secs(8);

/// Once behind, this wait is short enough again. Far below the other, so that gateways are not told one thing
/// and the other in turn.
const WAIT_FINE: Duration = Duration::from_secs(4);

/// Messages a second that an owner is trusted with until it shows: a fifth of what a busy machine carries out
/// (design section 6).
const TRUSTED_PER_SECOND: f64 = 4_000.0;

/// Weight of the latest measurement, and of trust while there is nothing to measure.
const MEASURED_WEIGHT: f64 = 0.5;
const TRUST_WEIGHT: f64 = 0.1;

/// Without any progress for this long, whatever waits waits too long.
const STALLED: Duration = Duration::from_secs(5);

/// What is known of an owner's pace.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: f64,
    seen: Option<Seen>,
    behind: bool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    next_seq: i64,
    busy: bool,
    /// Since when there has been no progress.
    stuck_since: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            per_second: TRUSTED_PER_SECOND,
            seen: None,
            behind: false,
        }
    }
}

impl Pace {
    /// Whether a command that comes now would have to wait too long.
    pub(super) fn is_behind(&mut self, now: Instant, next_seq: i64, lag: u64) -> bool {
        let busy = lag >= BATCH_COMMANDS_MAX as u64;
        let before = self.seen.unwrap_or(Seen {
            at: now,
            next_seq,
            busy: false,
            stuck_since: now,
        });
        let seconds = now.duration_since(before.at).as_secs_f64();
        // A restarted stream begins again with smaller sequences.
        #[expect(
            clippy::cast_precision_loss,
            reason = "what is done in a second needs no 53 bits"
        )]
        let done = next_seq.saturating_sub(before.next_seq).max(0) as f64;
        if busy && before.busy && seconds > 0.0 {
            self.approach(done / seconds, MEASURED_WEIGHT);
        } else {
            self.approach(TRUSTED_PER_SECOND, TRUST_WEIGHT);
        }
        let stuck = lag > 0 && next_seq == before.next_seq;
        let stuck_since = if stuck { before.stuck_since } else { now };
        self.seen = Some(Seen {
            at: now,
            next_seq,
            busy,
            stuck_since,
        });
        #[expect(
            clippy::cast_precision_loss,
            reason = "what is waited for needs no 53 bits"
        )]
        let wait = lag as f64 / self.per_second;
        let limit = if self.behind { WAIT_FINE } else { WAIT_MAX };
        self.behind = wait > limit.as_secs_f64() || now.duration_since(stuck_since) >= STALLED;
        self.behind
    }

    fn approach(&mut self, per_second: f64, weight: f64) {
        self.per_second += (per_second - self.per_second) * weight;
        // Nothing done is not for ever.
        self.per_second = self.per_second.max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells a pace once a second how much was done in it and how much waits.
    fn told(pace: &mut Pace, start: Instant, seconds: &[(i64, u64)]) -> Vec<bool> {
        let mut next_seq = 1;
        (1..)
            .zip(seconds)
            .map(|(second, (done, lag))| {
                next_seq += done;
                pace.is_behind(start + Duration::from_secs(second), next_seq, *lag)
            })
            .collect()
    }

    fn check(seconds: &[(i64, u64)], expected: &[bool]) {
        let behind = told(&mut Pace::default(), Instant::now(), seconds);
        assert_eq!(behind, expected, "{seconds:?}");
    }

    #[test]
    fn an_owner_that_keeps_up_is_never_behind() {
        check(&[(0, 0), (10, 3), (5_000, 200), (5_000, 0)], &[false; 4]);
        check(&[(0, 0), (10, 30_000), (20_000, 10_000)], &[false; 3]);
    }

    #[test]
    fn a_slow_owner_is_behind_with_what_a_fast_one_does_at_once() {
        let waiting = [
            (0, 5_000),
            (100, 5_000),
            (100, 5_000),
            (100, 5_000),
            (100, 5_000),
        ];
        check(&waiting, &[false, false, false, true, true]);
        let waiting = waiting.map(|(done, lag)| (done * 50, lag));
        check(&waiting, &[false; 5]);
    }

    #[test]
    fn it_is_behind_until_the_wait_is_short_again() {
        let lags = [50_000, 40_000, 30_000, 20_000, 10_000, 0].map(|lag| (5_000, lag));
        check(&lags, &[true, true, true, true, false, false]);
    }

    #[test]
    fn no_progress_at_all_is_behind_with_whatever_waits() {
        let mut seconds = vec![(1, 1)];
        seconds.extend([(0, 1); 6]);
        seconds.push((1, 0));
        let mut expected = [false; 8];
        expected[5] = true;
        expected[6] = true;
        check(&seconds, &expected);
        check(&[(0, 0); 8], &[false; 8]);
    }
}
