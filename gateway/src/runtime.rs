//! The threads of those who are in, and of everything else but [`crate::arrivals`].

use std::io;

use tokio::runtime::{Builder, Runtime};

/// After how many tasks a thread takes one from the queue that all threads share: after each.
///
/// When more tasks are ready than a thread's own queue has room for, the oldest half of them goes to the shared one. By
/// default that has its turn after every 61 tasks: once events wait for thousands of clients, a few of them would be
/// served over and over, and the others hardly ever. With 50 clients in each of 100 chats, and more events than the
/// gateway could deliver, half of the deliveries took 5 ms and one in a hundred more than 350 ms.
const SHARED_QUEUE_INTERVAL: u32 = 1;

/// Starts a thread for each core.
///
/// # Errors
/// Threads cannot be started.
pub fn start() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .global_queue_interval(SHARED_QUEUE_INTERVAL)
        .build()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;

    use super::*;

    /// Many more than the threads' own queues have room for.
    const TASKS: usize = 4_000;

    const TURNS_MAX: u32 = 200;

    /// A task that always has something to do, until the first of all had so many turns; how many it had.
    async fn busy(is_over: Arc<AtomicBool>) -> u32 {
        let mut turns = 0;
        poll_fn(|context| {
            turns += 1;
            if turns == TURNS_MAX {
                is_over.store(true, Ordering::Relaxed);
            }
            if is_over.load(Ordering::Relaxed) {
                return Poll::Ready(turns);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    #[test]
    fn of_thousands_who_are_ready_all_have_their_turns() {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut turns: Vec<_> = start().unwrap().block_on(async {
            let tasks: tokio::task::JoinSet<_> =
                (0..TASKS).map(|_| busy(Arc::clone(&is_over))).collect();
            tasks.join_all().await
        });
        turns.sort_unstable();
        // Not of the slowest: the system may have stopped the thread that was about to serve it.
        let few = turns[TASKS / 10];
        assert!(few >= TURNS_MAX / 2, "{few}");
    }
}
