//! A receiving request at work, whether its session is held here or by another gateway.

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

    /// Whether the session is another gateway's.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.road, Road::Elsewhere(..))
    }

    /// The next frame. Nothing may be asked for after the last one.
    pub async fn next(&mut self) -> SockJsFrame {
        if let Some(first) = self.first.take() {
            return first;
        }
        let frame = match &self.road {
            Road::Here(handle) => handle.next(self.id, self.appetite).await,
            Road::Elsewhere(sockjs, key) => self.ask_next(sockjs, key).await,
        };
        self.detached |= frame.last;
        frame
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

    /// Ends in good order: the client will come back with another request. The session knows when this returns.
    pub async fn release(mut self) {
        match &self.road {
            Road::Here(handle) => handle.release(self.id),
            Road::Elsewhere(sockjs, key) => {
                let question = Question::Release { receiver: self.id };
                if relay::ask(sockjs.bus(), key, &question).await.is_err() {
                    tracing::debug!("the holder of a SockJS session does not answer");
                }
            }
        }
        self.detached = true;
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
