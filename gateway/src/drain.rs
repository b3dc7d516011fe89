//! Sessions that end although nobody did anything wrong: whose turn to go it is, and when.
//!
//! Many client libraries come back after a fixed delay, all alike. If a gateway closed its sessions at once, they
//! would arrive at the others as one wave, be it five seconds later. So each session draws its own moment within the
//! drain window and is served until then as if nothing had happened; the closes, and with them the reconnects, come
//! evenly. No task hands the turns out: drawing needs no common state, and by the law of large numbers comes to the
//! same.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shared::lifecycle::Lifecycle;

use crate::config::DrainConfig;
use crate::disconnect::Disconnect;

/// Sessions closed in a second when they are few. Spreading these further would only make the deploy longer.
const CLOSES_PER_SECOND_MIN: u32 = 100;

/// Decides when sessions have to go.
#[derive(Debug)]
pub struct Drain {
    window_max: Duration,
    reconnect_delay_max: Duration,
    connection_age_max: Option<Duration>,
    life: Lifecycle,
    open: AtomicU32,
    /// Fixed by the first session that hears of the end.
    window: OnceLock<Duration>,
}

impl Drain {
    /// For the sessions of this process.
    pub fn new(config: &DrainConfig, life: Lifecycle) -> Self {
        Self {
            window_max: config.drain_window,
            reconnect_delay_max: config.reconnect_delay_max,
            connection_age_max: config.connection_age_max,
            life,
            open: AtomicU32::new(0),
            window: OnceLock::new(),
        }
    }

    /// Counts a session for as long as the answer lives.
    pub fn enter(&self) -> Present<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Present(self)
    }

    /// Ends when it is this session's turn to go, and says why.
    pub async fn turn(&self) -> Disconnect {
        let reconnect_delay_ms = self.reconnect_delay_ms();
        tokio::select! {
            () = self.too_old() => Disconnect::ConnectionAge { reconnect_delay_ms },
            () = self.called() => Disconnect::GoingAway { reconnect_delay_ms },
        }
    }

    /// Three quarters of the age are certain, the rest is drawn: connections that came together, as after a
    /// deploy, do not go together.
    async fn too_old(&self) {
        match self.connection_age_max {
            Some(age) => tokio::time::sleep(age.mul_f64(rand::random_range(0.75..=1.0))).await,
            None => std::future::pending().await,
        }
    }

    async fn called(&self) {
        self.life.stopping().await;
        let window = self.window.get_or_init(|| self.window());
        tokio::time::sleep(window.mul_f64(rand::random_range(0.0..=1.0))).await;
    }

    /// How long it takes to close everybody at a pace that others can follow.
    fn window(&self) -> Duration {
        let open = self.open.load(Ordering::Relaxed);
        let window =
            (Duration::from_secs(open.into()) / CLOSES_PER_SECOND_MIN).min(self.window_max);
        tracing::info!(
            sessions = open,
            window_ms = window.as_millis(),
            "closing sessions"
        );
        window
    }

    fn reconnect_delay_ms(&self) -> u32 {
        let delay_max = u32::try_from(self.reconnect_delay_max.as_millis()).unwrap_or(u32::MAX);
        rand::random_range(0..=delay_max)
    }
}

/// A session that counts.
#[derive(Debug)]
pub struct Present<'a>(&'a Drain);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;

    fn drain(connection_age_max: Option<Duration>) -> Drain {
        let config = DrainConfig {
            drain_delay: Duration::ZERO,
            drain_window: Duration::from_secs(10),
            drain_max: Duration::from_secs(30),
            reconnect_delay_max: Duration::from_secs(1),
            connection_age_max,
        };
        Drain::new(&config, Lifecycle::new())
    }

    /// When each of so many sessions had to go, in seconds after the request to stop.
    async fn turns(sessions: usize) -> Vec<f64> {
        let drain = drain(None);
        let start = Instant::now();
        let turn = async |_: usize| {
            let _present = drain.enter();
            let reason = drain.turn().await;
            assert!(
                matches!(reason, Disconnect::GoingAway { reconnect_delay_ms } if reconnect_delay_ms <= 1_000)
            );
            start.elapsed().as_secs_f64()
        };
        let all = join_all((0..sessions).map(turn));
        let stop = async {
            // After all of them have entered.
            tokio::task::yield_now().await;
            drain.life.stop();
        };
        tokio::join!(all, stop).0
    }

    #[tokio::test(start_paused = true)]
    async fn many_sessions_go_evenly_over_the_window() {
        let turns = turns(5_000).await;
        for second in 0..10 {
            let within = f64::from(second)..f64::from(second + 1);
            let count = turns.iter().filter(|turn| within.contains(turn)).count();
            // 500 are expected, with a standard deviation of 21.
            assert!((350..=650).contains(&count), "second {second}: {count}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_sessions_do_not_take_all_of_the_window() {
        let last = turns(20).await.into_iter().fold(0.0, f64::max);
        assert!(last <= 0.202, "{last}");
    }

    #[tokio::test(start_paused = true)]
    async fn old_connections_go_one_by_one() {
        let (drain, start) = (drain(Some(Duration::from_hours(1))), Instant::now());
        let turns = join_all((0..100).map(async |_| {
            let reason = drain.turn().await;
            assert!(
                matches!(reason, Disconnect::ConnectionAge { .. }),
                "{reason}"
            );
            start.elapsed().as_secs() / 60
        }));
        let mut turns = turns.await;
        turns.sort_unstable();
        assert!(
            (45..=60).contains(&turns[0]) && turns[99] <= 60,
            "{turns:?}"
        );
        turns.dedup();
        assert!(turns.len() > 5, "{turns:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_has_to_go_without_a_reason() {
        let drain = drain(None);
        let day = Duration::from_hours(24);
        assert!(tokio::time::timeout(day, drain.turn()).await.is_err());
    }
}
