//! A runtime of their own for clients on their way in, so that a storm of them costs those who are in as little as
//! possible.
//!
//! What is ready in one runtime is served in turn: with thousands of handshakes ready, live events and the connections
//! to NATS wait behind them. Here the handshakes, CONNECT and the first SUBSCRIBE run on threads of their own, which
//! the kernel lets wait when the others want the core. Once that is over, the client's task moves to the threads of those
//! who are in, and its socket with it, and stays there.

use std::cell::{Cell, OnceCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use shared::lifecycle::Lifecycle;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

/// How much these threads stand back, as of `nice(1)`: with 10 they get a tenth of a core that others want as well,
/// and all of one that nobody wants.
const NICENESS: i32 = 10;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// Where those who are in are served; known to the threads of this runtime alone.
    static INSIDE: OnceCell<Handle> = const { OnceCell::new() };
    /// Whether the task that is being polled wants to move there; nothing while it is none that can.
    static WANTS_IN: Cell<Option<bool>> = const { Cell::new(None) };
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
        let inside = Handle::current();
        let runtime = Builder::new_multi_thread()
            .thread_name("arrivals")
            .enable_all()
            .on_thread_start(move || {
                INSIDE.with(|cell| drop(cell.set(inside.clone())));
                // On Linux this is of one thread. Without it these are served like all others.
                if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                    tracing::warn!(%error, "handshakes cannot be told to stand back");
                }
            })
            .build()?;
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

/// Whether this thread serves those on their way in.
pub fn is_here() -> bool {
    INSIDE.with(|inside| inside.get().is_some())
}

/// Runs a client's task, which may call [`settle`]. Shutdown waits for it.
pub fn spawn(life: &Lifecycle, task: Task) {
    if !is_here() {
        return life.spawn_boxed(task);
    }
    let arriving = Arriving {
        task: Some(task),
        life: life.clone(),
    };
    life.spawn_boxed(Box::pin(arriving));
}

/// Has the task that awaits this go on among those who are in; at once where it is there already, or is none of
/// [`spawn`]'s and stays where it is. Its timers stay where they were made.
pub async fn settle() {
    poll_fn(|_| match WANTS_IN.get() {
        Some(_) => {
            WANTS_IN.set(Some(true));
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await;
}

/// A task on its way in. It ends when the task does, or when the task has moved.
struct Arriving {
    task: Option<Task>,
    life: Lifecycle,
}

impl Future for Arriving {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(task) = &mut self.task else {
            return Poll::Ready(());
        };
        let (is_over, wants_in) = {
            let _asking = Asking::begin();
            (task.as_mut().poll(context).is_ready(), Asking::wants_in())
        };
        if is_over {
            return Poll::Ready(());
        }
        if !wants_in {
            return Poll::Pending;
        }
        if let Some(task) = self.task.take() {
            INSIDE.with(|inside| {
                let _inside = inside.get().map(Handle::enter);
                self.life.spawn_boxed(task);
            });
        }
        Poll::Ready(())
    }
}

/// The time in which the task that is being polled can move. It ends with a panic, too.
struct Asking;

impl Asking {
    fn begin() -> Self {
        WANTS_IN.set(Some(false));
        Self
    }

    fn wants_in() -> bool {
        WANTS_IN.get() == Some(true)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        WANTS_IN.set(None);
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
    fn a_task_that_cannot_move_is_not_held_up() {
        let is_still_here = run(async {
            let (sender, result) = oneshot::channel();
            Lifecycle::new().spawn(async move {
                settle().await;
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
