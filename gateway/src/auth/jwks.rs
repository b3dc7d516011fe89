//! An issuer's public keys, fetched from its JWKS address and kept (RFC 7517, section 5).
//!
//! One task owns the fetching. Keys are fetched again at an interval, so that withdrawn ones go, and when a token
//! names one that is not known, so that new ones come, but never more often than [`REFRESH_INTERVAL_MIN`]: tokens
//! with invented key ids make nobody ask the issuer, they only wait for the next fetch that is due anyway. While
//! the issuer is away the keys stay in force for `--jwks-keep`; then nobody can be believed any more, and readiness
//! says so.

use std::sync::Arc;
use std::time::Duration;

use shared::{clock, metric};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;

use super::Principal;
use super::claims::Rules;
use super::fetch::Fetcher;
use super::key::KeySet;
use super::unproven::Unproven;

/// Shortest time from a fetch to one that a token asks for.
const REFRESH_INTERVAL_MIN: Duration = Duration::from_secs(5);

/// Wait after a failed fetch, doubled with each further one.
const RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
const RETRY_DELAY_MAX: Duration = Duration::from_mins(1);

/// Longest wait of a token for a fetch: the interval above and the fetch itself. Shorter than STOMP's CONNECT may
/// take, so that the client gets its answer.
const KEYS_WAIT_MAX: Duration = Duration::from_millis(9_500);

/// Most tokens waiting for a fetch at a time; one more cannot be judged.
const WAITING_MAX: usize = 4_096;

/// How long keys are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    /// They are fetched again.
    pub(super) refresh: Duration,
    /// They count no longer, when they could not be.
    pub(super) keep: Duration,
}

/// The keys, for those who check tokens.
#[derive(Debug)]
pub(super) struct Jwks {
    known: watch::Receiver<Known>,
    wanted: Arc<Notify>,
    waiting: Semaphore,
}

#[derive(Debug, Clone, Default)]
struct Known {
    keys: Option<Arc<KeySet>>,
    /// Fetches that came to an end.
    fetches: u64,
    /// The last one brought nothing.
    failed: bool,
}

/// What can be said of a token.
#[derive(Debug)]
pub(super) enum Verdict {
    /// This.
    Known(Result<Principal, Unproven>),
    /// Nothing without another fetch.
    Waits,
}

/// The task behind [`Jwks`].
pub(super) struct Keeper {
    fetcher: Fetcher,
    rules: Arc<Rules>,
    ages: Ages,
    known: watch::Sender<Known>,
    wanted: Arc<Notify>,
}

/// Nothing is fetched before the keeper runs.
pub(super) fn new(fetcher: Fetcher, rules: Arc<Rules>, ages: Ages) -> (Jwks, Keeper) {
    let (sender, receiver) = watch::channel(Known::default());
    let wanted = Arc::new(Notify::new());
    let jwks = Jwks {
        known: receiver,
        wanted: Arc::clone(&wanted),
        waiting: Semaphore::new(WAITING_MAX),
    };
    let keeper = Keeper {
        fetcher,
        rules,
        ages,
        known: sender,
        wanted,
    };
    (jwks, keeper)
}

impl Jwks {
    /// Checks a token against the keys that are there.
    pub(super) fn check(&self, token: &str, key_id: Option<&str>, rules: &Rules) -> Verdict {
        // Cloned, so that nobody who has news waits for a signature to be checked.
        let known = self.known.borrow().clone();
        known.check(token, key_id, rules)
    }

    /// Checks a token, if need be against the keys of the next fetch.
    pub(super) async fn await_and_check(
        &self,
        token: &str,
        key_id: Option<&str>,
        rules: &Rules,
    ) -> Result<Principal, Unproven> {
        let Ok(_place) = self.waiting.try_acquire() else {
            return Err(Unproven::KeysUnavailable);
        };
        let mut known = self.known.clone();
        let seen = known.borrow().fetches;
        self.wanted.notify_one();
        let fetched = known.wait_for(|known| known.fetches > seen);
        let Ok(Ok(known)) = tokio::time::timeout(KEYS_WAIT_MAX, fetched).await else {
            return Err(Unproven::KeysUnavailable);
        };
        match known.check(token, key_id, rules) {
            Verdict::Known(result) => result,
            // A key that the issuer would have told us of, or none: with the issuer away, nobody knows.
            Verdict::Waits if known.failed => Err(Unproven::KeysUnavailable),
            Verdict::Waits => Err(Unproven::UnknownKey),
        }
    }

    /// Whether there are keys.
    pub(super) fn readiness(&self) -> Result<(), String> {
        match self.known.borrow().keys {
            Some(_) => Ok(()),
            None => Err(
                "the keys of --jwks-url could not be fetched, so no token can be checked"
                    .to_owned(),
            ),
        }
    }
}

impl Known {
    fn check(&self, token: &str, key_id: Option<&str>, rules: &Rules) -> Verdict {
        let Some(keys) = &self.keys else {
            return Verdict::Waits;
        };
        match (keys.find(key_id), key_id) {
            (Some(key), _) => Verdict::Known(key.verify(token, rules)),
            (None, Some(_)) => Verdict::Waits,
            // Another fetch would not tell which of the keys is meant.
            (None, None) => Verdict::Known(Err(Unproven::UnknownKey)),
        }
    }
}

impl Keeper {
    /// Fetches for as long as the process lives.
    pub(super) async fn run(self) {
        let mut keys_since: Option<Instant> = None;
        let mut failures = 0;
        loop {
            let started = Instant::now();
            match self.fetch().await {
                Ok(keys) => {
                    if keys_since.is_none() || failures > 0 {
                        tracing::info!(keys = keys.len(), "the issuer's keys are there");
                    }
                    failures = 0;
                    keys_since = Some(started);
                    self.tell_success(keys);
                }
                Err(error) => {
                    failures += 1;
                    let age = keys_since.map(|since| since.elapsed());
                    tracing::warn!(
                        error = format!("{error:#}"),
                        failures,
                        keys_age_s = age.map(|age| age.as_secs()),
                        "the issuer's keys could not be fetched"
                    );
                    if age.is_some_and(|age| age >= self.ages.keep) {
                        keys_since = None;
                    }
                    self.tell_failure(keys_since.is_some());
                }
            }
            let next = match failures {
                0 => self.ages.refresh,
                failures => retry_delay(failures),
            };
            let mut due = started + next;
            if let Some(since) = keys_since {
                // The last attempt before they end.
                due = due.min(since + self.ages.keep);
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = self.wanted.notified() => {
                    tokio::time::sleep_until(due.min(started + REFRESH_INTERVAL_MIN)).await;
                }
            }
        }
    }

    async fn fetch(&self) -> anyhow::Result<KeySet> {
        let answer = self.fetcher.fetch().await?;
        KeySet::parse(&answer, &self.rules).map_err(anyhow::Error::msg)
    }

    fn tell_success(&self, keys: KeySet) {
        metrics::counter!(metric::JWKS_FETCHES, "result" => "ok").increment(1);
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 need 31 bits"
        )]
        let now = (clock::now().micros() / 1_000_000) as f64;
        metrics::gauge!(metric::JWKS_FETCHED).set(now);
        self.known.send_modify(|known| {
            known.keys = Some(Arc::new(keys));
            known.fetches += 1;
            known.failed = false;
        });
    }

    fn tell_failure(&self, keep: bool) {
        metrics::counter!(metric::JWKS_FETCHES, "result" => "failed").increment(1);
        self.known.send_modify(|known| {
            if !keep && known.keys.take().is_some() {
                tracing::error!(
                    "the issuer's keys are too old to go on with: no client can be let in"
                );
            }
            known.fetches += 1;
            known.failed = true;
        });
    }
}

/// Of the first failure the shortest.
fn retry_delay(failures: u32) -> Duration {
    RETRY_DELAY_MIN
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)))
        .min(RETRY_DELAY_MAX)
}
