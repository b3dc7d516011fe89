//! A SEND: what is kept of the frame, and whether it asks for something that can be carried out.

use bytes::Bytes;
use shared::command::IDEMPOTENCY_KEY_OCTETS_MAX;
use shared::event::EventType;
use shared::id::{ChatId, UserId};
use shared::trace;

use super::command_body;
use crate::destination;
use crate::refusal::Refusal;
use crate::stomp::Frame;

/// What of a SEND frame matters.
#[derive(Debug)]
pub(super) struct SendRequest {
    pub(super) destination: String,
    pub(super) receipt: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) traceparent: Option<String>,
    pub(super) body: Bytes,
}

/// What it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) kind: EventType,
    pub(super) author: UserId,
    pub(super) chat: ChatId,
}

/// Why it cannot be, with whatever could be read of it.
#[derive(Debug)]
pub(super) struct BadSend {
    pub(super) refusal: Refusal,
    pub(super) author: Option<UserId>,
    pub(super) chat: Option<ChatId>,
}

impl SendRequest {
    pub(super) fn new(frame: &Frame, destination: &str) -> Self {
        Self {
            destination: destination.to_owned(),
            receipt: frame.owned_header("receipt"),
            idempotency_key: frame.owned_header("idempotency-key"),
            traceparent: frame.owned_header(trace::HEADER),
            body: frame.body.clone(),
        }
    }

    /// What it takes up besides itself.
    pub(super) fn octets(&self) -> usize {
        let optional = [&self.receipt, &self.idempotency_key, &self.traceparent];
        let optional: usize = optional.into_iter().flatten().map(String::len).sum();
        self.destination.len() + self.body.len() + optional
    }

    /// Checks everything that can be checked without the database. `user` is who the session belongs to, when
    /// that is known.
    pub(super) fn check(&self, user: Option<UserId>) -> Result<Wish, BadSend> {
        let Some(kind) = destination::event_type(&self.destination) else {
            return Err(BadSend {
                refusal: Refusal::nothing_can_be_sent_to(&self.destination),
                author: user,
                chat: None,
            });
        };
        let (author, chat) = command_body::read(&self.body, user)?;
        let key_octets = self.idempotency_key.as_ref().map_or(1, String::len);
        if !(1..=IDEMPOTENCY_KEY_OCTETS_MAX).contains(&key_octets) {
            let rule = format!("must have 1 to {IDEMPOTENCY_KEY_OCTETS_MAX} octets");
            return Err(BadSend {
                refusal: Refusal::invalid_field("idempotency-key", &rule),
                author: Some(author),
                chat: Some(chat),
            });
        }
        Ok(Wish { kind, author, chat })
    }
}
