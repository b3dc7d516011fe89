//! A SockJS session as its three parties share it: receiving requests, sending requests, the STOMP connection.
//!
//! Waits for what [`super::session`] decides. Whoever waits looks again after every change; there are few
//! parties, and a missed wake-up would be a hung client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::session::{AlreadyReceiving, ReceiverId, SockJsFrame, SockJsSession, Timing};

/// Most payloads of sending requests that wait for the session to read them. A client sends its next one after
/// the answer to the last, so more than one is a client out of step.
pub const INBOUND_PAYLOADS_MAX: usize = 4;

/// Longest wait of a sending request for a place among them.
const INBOUND_WAIT_MAX: Duration = Duration::from_secs(5);

/// How long a new receiver waits for the present one to leave: the end of an abandoned request is often noticed
/// only just after its successor has arrived.
const ATTACH_WAIT_MAX: Duration = Duration::from_millis(50);

/// How a receiving request takes frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Appetite {
    /// One frame, then the response is over.
    One,
    /// Frames until the response is long enough.
    Many,
}

/// Why messages from the client were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAccepted {
    /// The session has ended.
    Gone,
    /// It does not read at present.
    Busy,
}

/// What became of a session at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tended {
    /// It goes on; when to look again, unless it changes before.
    Kept {
        /// The deadline, if there is one.
        due: Option<Instant>,
    },
    /// Nothing is left of it.
    Forgotten,
}

/// A session held by this gateway.
#[derive(Debug)]
pub struct SessionHandle {
    session: Mutex<SockJsSession>,
    changed: watch::Sender<()>,
    inbound: mpsc::Sender<Vec<String>>,
}

impl SessionHandle {
    /// A new session, and where its messages from the client come out.
    pub fn new(timing: Timing) -> (Arc<Self>, mpsc::Receiver<Vec<String>>) {
        let (inbound, received) = mpsc::channel(INBOUND_PAYLOADS_MAX);
        let session = Mutex::new(SockJsSession::new(timing, now()));
        (
            Arc::new(Self {
                session,
                changed: watch::Sender::new(()),
                inbound,
            }),
            received,
        )
    }

    /// Makes a request the session's receiver; one on another gateway with a lease.
    ///
    /// # Errors
    /// There is another one, and it stays.
    pub async fn attach(
        &self,
        id: ReceiverId,
        lease: Option<Duration>,
    ) -> Result<(), AlreadyReceiving> {
        let mut changed = self.changed.subscribe();
        let attach = async {
            loop {
                let until = lease.map(|lease| now() + lease);
                if self.lock().attach(id, until).is_ok() {
                    // Whoever keeps the session waits for another deadline now.
                    self.changed.send_replace(());
                    return;
                }
                self.wait(&mut changed).await;
            }
        };
        tokio::time::timeout(ATTACH_WAIT_MAX, attach)
            .await
            .map_err(|_| AlreadyReceiving)
    }

    /// A receiver on another gateway was heard of.
    pub fn renew(&self, id: ReceiverId, lease: Duration) {
        self.change(|session| session.renew(id, now() + lease));
    }

    /// The next frame for a receiver. Cancel-safe: a frame that was taken is returned.
    pub async fn next(&self, id: ReceiverId, appetite: Appetite) -> SockJsFrame {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(frame) = self.take(id, appetite) {
                return frame;
            }
            let heartbeat_due = self.lock().heartbeat_due();
            tokio::select! {
                () = self.wait(&mut changed) => {}
                () = tokio::time::sleep_until(heartbeat_due.into()) => {}
            }
        }
    }

    /// The next frame, if there is one at once.
    pub fn take(&self, id: ReceiverId, appetite: Appetite) -> Option<SockJsFrame> {
        let taken = {
            let (mut session, now) = (self.lock(), now());
            let mut taken = session.take(id, now);
            if let Some(frame) = &mut taken
                && appetite == Appetite::One
            {
                session.release(id, now);
                frame.last = true;
            }
            taken
        };
        if taken.is_some() {
            self.changed.send_replace(());
        }
        taken
    }

    /// A receiver has all it wanted.
    pub fn release(&self, id: ReceiverId) {
        self.change(|session| session.release(id, now()));
    }

    /// A receiver broke off.
    pub fn abort(&self, id: ReceiverId) {
        self.change(|session| session.abort(id, now()));
    }

    /// The session cannot go on.
    pub fn interrupt(&self) {
        self.change(|session| session.interrupt(now()));
    }

    /// Ends the session from this side.
    pub fn close(&self, code: u16, reason: &str) {
        self.change(|session| session.close(code, reason, now()));
    }

    /// Takes messages from the client, in order.
    ///
    /// # Errors
    /// Why they were not taken.
    pub async fn accept(&self, messages: Vec<String>) -> Result<(), NotAccepted> {
        if self.lock().is_closed() {
            return Err(NotAccepted::Gone);
        }
        let sent = tokio::time::timeout(INBOUND_WAIT_MAX, self.inbound.send(messages)).await;
        sent.map_err(|_| NotAccepted::Busy)?
            .map_err(|_| NotAccepted::Gone)
    }

    /// Queues a framed message for the client, waiting for room. False when the session has ended.
    pub async fn push(&self, message: Utf8Bytes) -> bool {
        let mut changed = self.changed.subscribe();
        while !self.lock().has_room(message.len()) {
            if self.lock().is_closed() {
                return false;
            }
            self.wait(&mut changed).await;
        }
        self.change(|session| session.push(message));
        !self.lock().is_closed()
    }

    /// Ends when the session has.
    pub async fn closed(&self) {
        let mut changed = self.changed.subscribe();
        while !self.lock().is_closed() {
            self.wait(&mut changed).await;
        }
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed()
    }

    /// Whether the session has ended and its client heard so.
    pub fn is_told(&self) -> bool {
        self.lock().is_told()
    }

    /// Sees to the session's deadlines.
    pub fn tend(&self) -> Tended {
        let mut session = self.lock();
        let was_closed = session.is_closed();
        let forgotten = session.on_deadline(now());
        let (ended, due) = (session.is_closed() && !was_closed, session.end_due());
        drop(session);
        if ended {
            self.changed.send_replace(());
        }
        if forgotten {
            Tended::Forgotten
        } else {
            Tended::Kept { due }
        }
    }

    /// Hears of every change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    async fn wait(&self, changed: &mut watch::Receiver<()>) {
        // The sender is in `self`, so this cannot fail.
        let _ = changed.changed().await;
    }

    fn change<R>(&self, change: impl FnOnce(&mut SockJsSession) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.send_replace(());
        result
    }

    fn lock(&self) -> MutexGuard<'_, SockJsSession> {
        // No code that can panic runs under the lock, and the session is consistent between any two statements.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time as tokio's timers have it, so that tests can let it pass.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
