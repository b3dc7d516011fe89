//! A future that is polled only after it was woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Waits for something that comes once in a task's life, within a task that is busy with other things.
///
/// A task polls all it waits for whenever any of it happens. Of what thousands of tasks wait for in common, such as
/// the end of the process, each poll takes a lock that they all share; through this it costs a look at a flag of the
/// task's own.
#[derive(Debug)]
pub struct Seldom<F> {
    future: Pin<Box<F>>,
    flag: Arc<Flag>,
    waker: Waker,
    /// The task that the flag knows.
    task: Option<Waker>,
}

#[derive(Debug)]
struct Flag {
    is_woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<F: Future> Seldom<F> {
    /// The same as `future`, at less cost.
    pub fn new(future: F) -> Self {
        let flag = Arc::new(Flag {
            // The first poll is what the future gets to know its waker by.
            is_woken: AtomicBool::new(true),
            task: AtomicWaker::new(),
        });
        Self {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&flag)),
            flag,
            task: None,
        }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let is_known = |task: &Waker| task.will_wake(context.waker());
        if !this.flag.is_woken.load(Ordering::Acquire) && this.task.as_ref().is_some_and(is_known) {
            return Poll::Pending;
        }
        // Before the flag is taken back, so that a wake-up after that reaches the task.
        this.flag.task.register(context.waker());
        this.task = Some(context.waker().clone());
        if !this.flag.is_woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let mut context = Context::from_waker(&this.waker);
        this.future.as_mut().poll(&mut context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn the_future_is_polled_when_it_was_woken_and_not_otherwise() {
        let (sender, mut receiver) = oneshot::channel::<u8>();
        let mut polls = 0;
        let mut seldom = Seldom::new(poll_fn(|context| {
            polls += 1;
            Pin::new(&mut receiver).poll(context)
        }));
        for _ in 0..3 {
            let poll = poll_fn(|context| Poll::Ready(Pin::new(&mut seldom).poll(context)));
            assert!(poll.await.is_pending());
        }
        sender.send(7).unwrap();
        assert_eq!((&mut seldom).await, Ok(7));
        drop(seldom);
        assert_eq!(polls, 2);
    }

    #[tokio::test]
    async fn it_wakes_the_task_that_polled_it_last() {
        let (sender, receiver) = oneshot::channel::<u8>();
        let mut seldom = Seldom::new(receiver);
        let poll = poll_fn(|context| Poll::Ready(Pin::new(&mut seldom).poll(context)));
        assert!(poll.await.is_pending());
        #[expect(
            clippy::disallowed_methods,
            reason = "another task is what the test is about"
        )]
        let waiting = tokio::spawn(seldom);
        tokio::task::yield_now().await;
        sender.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
    }
}
