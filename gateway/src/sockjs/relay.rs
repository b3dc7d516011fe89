//! What gateways say to each other about a SockJS session that one of them holds: `sj.<session>`.
//!
//! Every request is answered by the holder, and only by it; that nobody answers is NATS's own word ("no
//! responders") for "no such session". A receiver elsewhere asks for one frame at a time, so the holder never
//! sends what nobody waits for, and each side notices the other's death within [`SILENCE_MAX`].

use std::time::Duration;

use async_nats::RequestErrorKind;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use shared::bus::Bus;
use shared::metric;
use uuid::Uuid;

use super::handle::Appetite;
use super::path::SessionKey;
use super::session::{ReceiverId, SockJsFrame};

/// The holder answers a receiver's question so soon even when there is nothing for it.
pub const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// A receiver or holder that is silent for so long is gone. Longer than [`ANSWER_WAIT_MAX`] and than the wait
/// of a sending request for a session that does not read.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Wait before asking once more for a session that nobody seems to hold: a cluster of NATS servers takes a
/// moment to spread a subscription.
const SECOND_ASKING_DELAY: Duration = Duration::from_millis(100);

/// A question to the holder, or among holders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Be the session's receiver; answered at once.
    Attach {
        /// Who receives.
        receiver: ReceiverId,
        /// How much it wants.
        appetite: Appetite,
    },
    /// The next frame for the receiver, or [`Answer::Nothing`] after a while.
    Next {
        /// Who receives.
        receiver: ReceiverId,
        /// How much it wants.
        appetite: Appetite,
    },
    /// The receiver has all it wanted.
    Release {
        /// Who received.
        receiver: ReceiverId,
    },
    /// The receiver's client went away. Needs no answer.
    Abort {
        /// Who received.
        receiver: ReceiverId,
    },
    /// Messages from the client.
    Send {
        /// In their order.
        messages: Vec<String>,
    },
    /// "I hold this session": told to everybody at creation, and now and then. Needs no answer.
    Claim {
        /// Of holders of the same session, the smaller one stays.
        claim: Uuid,
    },
}

/// The holder's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `Attach` and `Next`.
    Frame {
        /// The frame.
        text: String,
        /// Nothing follows.
        last: bool,
    },
    /// To `Attach` and `Next`: ask again. To `Release` and `Send`: done.
    Nothing,
    /// To `Send`: the session has ended.
    Gone,
    /// The session does not read at present, or too many questions wait.
    Busy,
}

impl Question {
    /// Label of metrics.
    const fn name(&self) -> &'static str {
        match self {
            Self::Attach { .. } => "attach",
            Self::Next { .. } => "next",
            Self::Release { .. } => "release",
            Self::Abort { .. } => "abort",
            Self::Send { .. } => "send",
            Self::Claim { .. } => "claim",
        }
    }
}

impl From<SockJsFrame> for Answer {
    fn from(frame: SockJsFrame) -> Self {
        Self::Frame {
            text: frame.text.as_str().to_owned(),
            last: frame.last,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// No gateway holds the session.
    NoHolder,
    /// Nothing is known: NATS is away, or the holder silent.
    Unreachable,
    /// The question is longer than NATS carries.
    TooLong,
}

impl NoAnswer {
    /// Label of metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::NoHolder => "no_holder",
            Self::Unreachable => "unreachable",
            Self::TooLong => "too_long",
        }
    }
}

/// Asks the holder of a session.
///
/// # Errors
/// Why there is no answer.
pub async fn ask(bus: &Bus, key: &SessionKey, question: &Question) -> Result<Answer, NoAnswer> {
    let answer = exchange(bus, key, question).await;
    let result = answer
        .as_ref()
        .map_or_else(|no_answer| no_answer.name(), |_| "answered");
    metrics::counter!(metric::SOCKJS_RELAYED, "question" => question.name(), "result" => result)
        .increment(1);
    answer
}

async fn exchange(bus: &Bus, key: &SessionKey, question: &Question) -> Result<Answer, NoAnswer> {
    if !bus.is_connected() {
        return Err(NoAnswer::Unreachable);
    }
    let payload = encode(question);
    if payload.len() > bus.client.server_info().max_payload {
        return Err(NoAnswer::TooLong);
    }
    let subject = key.subject().to_owned();
    let request = async_nats::Request::new()
        .payload(payload)
        .timeout(Some(SILENCE_MAX));
    // The client's own time-out covers the wait for the answer, not the wait for room in its send queue.
    let answer = tokio::time::timeout(SILENCE_MAX, bus.client.send_request(subject, request)).await;
    match answer {
        Ok(Ok(message)) => serde_json::from_slice(&message.payload).map_err(|error| {
            tracing::error!(%error, "another gateway's answer about a SockJS session cannot be read");
            NoAnswer::Unreachable
        }),
        Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => Err(NoAnswer::NoHolder),
        Ok(Err(_)) | Err(_) => Err(NoAnswer::Unreachable),
    }
}

/// Asks the holder of a session that should have one.
///
/// # Errors
/// Why there is no answer.
pub async fn ask_twice(
    bus: &Bus,
    key: &SessionKey,
    question: &Question,
) -> Result<Answer, NoAnswer> {
    match ask(bus, key, question).await {
        Err(NoAnswer::NoHolder) => {
            tokio::time::sleep(SECOND_ASKING_DELAY).await;
            ask(bus, key, question).await
        }
        answer => answer,
    }
}

/// Says something that needs no answer. Without NATS it is not said: what would wait for NATS to come back would
/// hold up its sender, and leases and repeated claims make good for it.
pub async fn tell(bus: &Bus, key: &SessionKey, question: &Question) {
    if !bus.is_connected() {
        return;
    }
    let published = bus
        .client
        .publish(key.subject().to_owned(), encode(question));
    if !matches!(
        tokio::time::timeout(SILENCE_MAX, published).await,
        Ok(Ok(()))
    ) {
        tracing::debug!(?question, "could not tell the other gateways");
    }
}

/// As a message.
pub fn encode(message: &impl Serialize) -> Bytes {
    serde_json::to_vec(message)
        .expect("plain data always serialises")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_read_back() {
        let receiver = u64::MAX;
        for question in [
            Question::Attach {
                receiver,
                appetite: Appetite::One,
            },
            Question::Next {
                receiver,
                appetite: Appetite::Many,
            },
            Question::Release { receiver },
            Question::Abort { receiver },
            Question::Send {
                messages: vec!["a\0\"".to_owned()],
            },
            Question::Claim { claim: Uuid::nil() },
        ] {
            assert_eq!(
                serde_json::from_slice::<Question>(&encode(&question)).unwrap(),
                question
            );
        }
        for answer in [
            Answer::from(SockJsFrame::last("h")),
            Answer::Nothing,
            Answer::Gone,
            Answer::Busy,
        ] {
            assert_eq!(
                serde_json::from_slice::<Answer>(&encode(&answer)).unwrap(),
                answer
            );
        }
    }
}
