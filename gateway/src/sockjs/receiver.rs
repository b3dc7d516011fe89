//! A receiving request at work, whether its session is held here or by another gateway.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use super::handle::{Appetite, SessionHandle};
use super::path::SessionKey;
use super::relay::{self, Answer, NoAnswer, Question};
use super::session::{ReceiverId, SockJsFrame, another_connection_frame, interrupted_frame};
use super::sessions::SockJs;

/// The receiver of a session. Dropping it before its end tells the session that its client broke off.
pub struct Receiver {
    id: ReceiverId,
    appetite: Appetite,
    road: Road,
    /// Came with the answer to the attachment.
    first: Option<SockJsFrame>,
    /// The session does not count on this receiver any more.
    detached: bool,
}

enum Road {
    Here(Arc<SessionHandle>),
    Elsewhere(SockJs, SessionKey),
}

impl Receiver {
    /// Attaches to a session of this gateway.
    pub async fn here(handle: Arc<SessionHandle>, appetite: Appetite) -> Self {
        let mut receiver = Self {
            id: rand::random(),
            appetite,
            road: Road::Here(Arc::clone(&handle)),
            first: None,
            detached: false,
        };
        if handle.attach(receiver.id, None).await.is_err() {
            receiver.detached = true;
            receiver.first = Some(another_connection_frame());
        }
        receiver
    }

    /// Attaches to a session of another gateway.
    ///
    /// # Errors
    /// Why that is not possible.
    pub async fn elsewhere(
        sockjs: &SockJs,
        key: &SessionKey,
        appetite: Appetite,
    ) -> Result<Self, NoAnswer> {
        let road = Road::Elsewhere(sockjs.clone(), key.clone());
        let mut receiver = Self {
            id: rand::random(),
            appetite,
            road,
            first: None,
            detached: false,
        };
        let question = Question::Attach {
            receiver: receiver.id,
            appetite,
        };
        match relay::ask(sockjs.bus(), key, &question).await {
            Ok(Answer::Frame { text, last }) => {
                receiver.detached = last;
                receiver.first = Some(SockJsFrame {
                    text: text.into(),
                    last,
                });
            }
            Ok(Answer::Nothing) => {}
            Ok(Answer::Gone | Answer::Busy) => {
                receiver.detached = true;
                return Err(NoAnswer::Unreachable);
            }
            Err(no_answer) => {
                // Nobody to tell of the end, unless the answer was only lost.
                receiver.detached = no_answer != NoAnswer::Unreachable;
                return Err(no_answer);
            }
        }
        Ok(receiver)
    }

    /// The next frame, after which there is another unless it is the last.
    ///
    /// When this gateway is `stopping`, a session held elsewhere lives on: then its receiver is released, and what
    /// was on its way already is returned, if anything. A session held here is closed by its own connection.
    pub async fn next(&mut self, stopping: impl Future<Output = ()>) -> Option<SockJsFrame> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let (frame, released) = match &self.road {
            Road::Here(handle) => (handle.next(self.id, self.appetite).await, false),
            Road::Elsewhere(sockjs, key) => {
                let mut asking = pin!(self.ask_next(sockjs, key));
                tokio::select! {
                    frame = &mut asking => (frame, false),
                    () = stopping => {
                        // Not simply dropped: its answer may bring messages that nobody else will ever get.
                        let (frame, ()) = tokio::join!(asking, self.ask_release(sockjs, key));
                        (frame, true)
                    }
                }
            }
        };
        self.detached |= frame.last || released;
        // To a receiver that was released in time, the holder says that it is none.
        Some(frame).filter(|frame| !released || *frame != interrupted_frame())
    }

    async fn ask_next(&self, sockjs: &SockJs, key: &SessionKey) -> SockJsFrame {
        let question = Question::Next {
            receiver: self.id,
            appetite: self.appetite,
        };
        loop {
            match relay::ask(sockjs.bus(), key, &question).await {
                Ok(Answer::Frame { text, last }) => {
                    return SockJsFrame {
                        text: text.into(),
                        last,
                    };
                }
                Ok(Answer::Nothing) => {}
                // The holder has died, or may have sent a frame that never came.
                Ok(Answer::Gone | Answer::Busy) | Err(_) => return interrupted_frame(),
            }
        }
    }

    async fn ask_release(&self, sockjs: &SockJs, key: &SessionKey) {
        let question = Question::Release { receiver: self.id };
        if relay::ask(sockjs.bus(), key, &question).await.is_err() {
            tracing::debug!("the holder of a SockJS session does not answer");
        }
    }

    /// Ends in good order: the client will come back with another request. The session knows when this returns.
    pub async fn release(mut self) {
        match &self.road {
            Road::Here(handle) => handle.release(self.id),
            Road::Elsewhere(sockjs, key) => self.ask_release(sockjs, key).await,
        }
        self.detached = true;
    }

    /// Whether the session counts on this receiver.
    pub fn is_attached(&self) -> bool {
        !self.detached
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        match &self.road {
            Road::Here(handle) => handle.abort(self.id),
            Road::Elsewhere(sockjs, key) => {
                let (task, key, receiver) = (sockjs.clone(), key.clone(), self.id);
                sockjs.life().spawn(async move {
                    relay::tell(task.bus(), &key, &Question::Abort { receiver }).await;
                });
            }
        }
    }
}
