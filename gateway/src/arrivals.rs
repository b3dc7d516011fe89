//! A runtime of their own for clients on their way in or out, so that a storm of them costs those who are in as little
//! as possible.
//!
//! What is ready in one runtime is served in turn: with thousands of handshakes ready, live events and the connections
//! to NATS wait behind them. Here the handshakes, CONNECT and what a first SUBSCRIBE wants of the history run on threads
//! of their own, which the kernel lets wait when the others want the core. Once that is over, the client's task moves to
//! the threads of those who are in, and its socket with it. It comes back to end: thousands who lose their connections at
//! once are as many lines in the log, places in rooms and entries in the roster.

mod party;

use std::cell::{Cell, OnceCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use shared::lifecycle::Lifecycle;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

/// How much these threads stand back, as of `nice(1)`: with 10 they get a tenth of a core that others want as well,
/// and all of one that nobody wants.
const NICENESS: i32 = 10;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The two runtimes.
#[derive(Debug)]
struct Places {
    /// Where those who are in are served.
    inside: Handle,
    /// Where the others are; unset for as long as this runtime is being made.
    outside: OnceLock<Handle>,
}

/// Where a task wants to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Here,
    Inside,
    Outside,
}

thread_local! {
    /// Known to the threads of this runtime alone.
    static PLACES: OnceCell<Arc<Places>> = const { OnceCell::new() };
    /// What the task that is being polled wants; nothing while it is none that can move.
    static WISH: Cell<Option<Wish>> = const { Cell::new(None) };
}

/// The runtime. Dropping it ends what is still on its way, and waits for nothing.
#[derive(Debug)]
pub struct Arrivals(Option<Runtime>);

impl Arrivals {
    /// Starts as many threads as there are cores; from them clients move to the runtime that this is called on.
    ///
    /// # Errors
    /// Threads cannot be started.
    pub fn start() -> io::Result<Self> {
        let places = Arc::new(Places {
            inside: Handle::current(),
            outside: OnceLock::new(),
        });
        let known = Arc::clone(&places);
        let runtime = Builder::new_multi_thread()
            .thread_name("arrivals")
            .enable_all()
            .on_thread_start(move || {
                PLACES.with(|cell| drop(cell.set(Arc::clone(&known))));
                // On Linux this is of one thread. Without it these are served like all others.
                if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                    tracing::warn!(%error, "handshakes cannot be told to stand back");
                }
            })
            .on_thread_park(party::move_on)
            .build()?;
        drop(places.outside.set(runtime.handle().clone()));
        Ok(Self(Some(runtime)))
    }

    /// What is opened or spawned while this is held belongs to this runtime.
    pub fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // To wait is not allowed on another runtime's threads.
            runtime.shutdown_background();
        }
    }
}

/// Whether this thread serves those on their way.
pub fn is_here() -> bool {
    PLACES.with(|places| places.get().is_some())
}

/// Runs a client's task, which may call [`settle`] and [`depart`]. Shutdown waits for it.
pub fn spawn(life: &Lifecycle, task: Task) {
    let Some(places) = PLACES.with(|places| places.get().cloned()) else {
        return life.spawn_boxed(task);
    };
    let movable = Movable {
        task: Some(task),
        places,
        life: life.clone(),
    };
    movable.spawn();
}

/// Has the task that awaits this go on among those who are in; at once where it is there already, or is none of
/// [`spawn`]'s and stays where it is. Its timers stay where they were made.
pub async fn settle() {
    go(Wish::Inside, is_here).await;
}

/// The way back, to end. After a shutdown of this runtime the task is dropped.
pub async fn depart() {
    go(Wish::Outside, || !is_here()).await;
}

async fn go(wish: Wish, is_elsewhere: fn() -> bool) {
    poll_fn(|_| {
        if WISH.get().is_some() && is_elsewhere() {
            WISH.set(Some(wish));
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

/// A task that can move. It ends when the task does, or goes on as another one elsewhere.
struct Movable {
    task: Option<Task>,
    places: Arc<Places>,
    life: Lifecycle,
}

impl Future for Movable {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let polled = self.go_on(context);
        // No task of this runtime runs for long without one of these coming between.
        party::move_on_in_time();
        polled
    }
}

impl Movable {
    fn spawn(self) {
        self.life.clone().spawn_boxed(Box::pin(self));
    }

    fn go_on(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(task) = &mut self.task else {
            return Poll::Ready(());
        };
        let (is_over, wish) = {
            let _asking = Asking::begin();
            (task.as_mut().poll(context).is_ready(), WISH.get())
        };
        if is_over {
            return Poll::Ready(());
        }
        let Some(wish @ (Wish::Inside | Wish::Outside)) = wish else {
            return Poll::Pending;
        };
        let moved = Self {
            task: self.task.take(),
            places: Arc::clone(&self.places),
            life: self.life.clone(),
        };
        if wish == Wish::Inside {
            party::join(moved);
        } else {
            let _there = self.places.outside.get().map(Handle::enter);
            moved.spawn();
        }
        Poll::Ready(())
    }
}

/// The time in which the task that is being polled can move. It ends with a panic, too.
struct Asking;

impl Asking {
    fn begin() -> Self {
        WISH.set(Some(Wish::Here));
        Self
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        WISH.set(None);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Runs `task` on a new runtime for those on their way in, beside one of a single thread.
    fn run<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> T {
        let inside = Builder::new_current_thread().enable_all().build().unwrap();
        inside.block_on(async {
            let arrivals = Arrivals::start().unwrap();
            let life = Lifecycle::new();
            let (sender, result) = oneshot::channel();
            let arriving = life.clone();
            {
                let _at_the_door = arrivals.enter();
                life.spawn(async move {
                    let task = async move {
                        let _ = sender.send(task.await);
                    };
                    spawn(&arriving, Box::pin(task));
                });
            }
            result.await.unwrap()
        })
    }

    #[test]
    fn a_task_moves_once_it_has_settled() {
        let places = run(async {
            let before = is_here();
            tokio::task::yield_now().await;
            let still = is_here();
            settle().await;
            let after = is_here();
            settle().await;
            [before, still, after, is_here()]
        });
        assert_eq!(places, [true, true, false, false]);
    }

    #[test]
    fn a_task_comes_back_to_end() {
        let places = run(async {
            depart().await;
            let before = is_here();
            settle().await;
            let inside = is_here();
            tokio::task::yield_now().await;
            depart().await;
            [before, inside, is_here()]
        });
        assert_eq!(places, [true, false, true]);
    }

    #[test]
    fn a_task_that_cannot_move_is_not_held_up() {
        let is_still_here = run(async {
            let (sender, result) = oneshot::channel();
            Lifecycle::new().spawn(async move {
                settle().await;
                depart().await;
                let _ = sender.send(is_here());
            });
            result.await.unwrap()
        });
        assert!(is_still_here);
    }

    #[test]
    fn threads_of_those_on_their_way_in_stand_back() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        let (here, inside) = run(async move {
            let here = niceness();
            settle().await;
            (here, niceness())
        });
        assert_eq!(here, (before + NICENESS).min(19));
        assert_eq!(inside, before);
    }
}
