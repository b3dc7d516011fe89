//! From start to exit: signals, two cancellation tokens, the tracker of every long-running task.
//!
//! After the signal a daemon may first be *retiring*: it says that it is not ready and works as before, until
//! load balancers have noticed. Then the *soft* token asks tasks to finish what they hold; the *hard* token, after
//! the deadline or a second signal, tells them to drop it. A task that ends although nobody asked takes the process
//! down: a daemon with half of its tasks is worse than one that restarts.

mod seldom;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use self::seldom::Seldom;

/// How a process ends after it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// How long it goes on as before, except for saying that it is not ready.
    pub delay: Duration,
    /// Longest time from the request to the end, the delay included.
    pub max: Duration,
}

impl Drain {
    /// Without delay: nobody is balancing load over this process.
    pub const fn at_once(max: Duration) -> Self {
        let delay = Duration::ZERO;
        Self { delay, max }
    }
}

/// Cheap handle to the life of the process.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    retiring: CancellationToken,
    soft: CancellationToken,
    hard: CancellationToken,
    failed: Arc<AtomicBool>,
    tracker: TaskTracker,
}

impl Lifecycle {
    /// A life that has just begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends when the process was asked to stop.
    pub async fn stopping(&self) {
        self.soft.cancelled().await;
    }

    /// Whether the process was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Ends when there is no time left to finish anything.
    pub async fn dropping(&self) {
        self.hard.cancelled().await;
    }

    /// Whether the process is about to be asked to stop, or was: it should get nothing new.
    pub fn is_retiring(&self) -> bool {
        self.retiring.is_cancelled() || self.is_stopping()
    }

    /// Asks everything to stop.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Stops everything because of a failure: the process will exit with a failing code.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
        self.soft.cancel();
    }

    /// Runs a task that shutdown waits for, and that may end at any time.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_boxed(Box::pin(task));
    }

    /// [`Self::spawn`] for a task that is in a box already. A bare one is put into one: what is wrapped into other
    /// futures takes its own size in each of them.
    pub fn spawn_boxed(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let dropping = Seldom::new(self.hard.clone().cancelled_owned());
        self.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = dropping => {}
                () = task => {}
            }
        });
    }

    /// Shutdown waits for whoever keeps this, as if it were a task: for what is between two tasks.
    pub fn hold(&self) -> TaskTrackerToken {
        self.tracker.token()
    }

    /// Runs a task that the process cannot do without: should it end before the process is asked to stop, by
    /// returning or by a panic, the process stops with a failing exit code.
    pub fn spawn_essential<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let life = self.clone();
        let hard = self.hard.clone();
        self.tracker.spawn(async move {
            let guard = EssentialGuard { life: &life, name };
            hard.run_until_cancelled(task).await;
            drop(guard);
        });
    }

    /// Runs an essential task to the very end: shutdown does not wait for it, and it still runs while the
    /// others drain. For the administration port, which has something to say during the drain.
    pub fn spawn_attendant<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let life = self.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "not tracked, so that shutdown does not wait for it"
        )]
        tokio::spawn(async move {
            let guard = EssentialGuard { life: &life, name };
            life.hard.run_until_cancelled(task).await;
            drop(guard);
        });
    }

    /// Waits for the end: a signal or [`Self::stop`], then for all tasks, at most until the deadline or a
    /// second signal. Says whether all went well.
    ///
    /// Signals count from this call on, not only once the answer is polled: whoever says «ready» after it can be
    /// stopped at once. Before, they end the process as they end any other.
    ///
    /// # Errors
    /// The signals cannot be heard.
    pub fn run_to_end(&self, drain: Drain) -> std::io::Result<impl Future<Output = bool>> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(self.clone().end(drain, terminate, interrupt))
    }

    async fn end(self, drain: Drain, mut terminate: Signal, mut interrupt: Signal) -> bool {
        let asked = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "interrupted",
            () = self.soft.cancelled() => "a failure",
        };
        tracing::info!(
            asked,
            delay_ms = drain.delay.as_millis(),
            max_ms = drain.max.as_millis(),
            "stopping"
        );
        let deadline = Instant::now() + drain.max;
        self.retiring.cancel();
        tokio::select! {
            () = tokio::time::sleep(drain.delay) => {}
            () = self.soft.cancelled() => {}
            _ = terminate.recv() => self.cut_short(),
            _ = interrupt.recv() => self.cut_short(),
        }
        self.soft.cancel();
        self.tracker.close();
        tokio::select! {
            () = self.tracker.wait() => {}
            () = tokio::time::sleep_until(deadline) => {
                tracing::error!(tasks = self.tracker.len(), "not everything finished within the drain time; dropping it");
                self.fail();
            }
            () = self.hard.cancelled() => {}
            _ = terminate.recv() => self.cut_short(),
            _ = interrupt.recv() => self.cut_short(),
        }
        self.hard.cancel();
        self.tracker.wait().await;
        !self.failed.load(Ordering::Relaxed)
    }

    fn cut_short(&self) {
        tracing::warn!(
            tasks = self.tracker.len(),
            "second signal: dropping what is unfinished"
        );
        self.fail();
        self.hard.cancel();
    }
}

struct EssentialGuard<'a> {
    life: &'a Lifecycle,
    name: &'static str,
}

impl Drop for EssentialGuard<'_> {
    fn drop(&mut self) {
        if !self.life.is_stopping() {
            tracing::error!(
                task = self.name,
                "an essential task ended; stopping the process"
            );
            self.life.fail();
        }
    }
}
