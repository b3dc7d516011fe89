//! A subscriber on its way into a chat's room.

use std::sync::Arc;
use std::time::Instant;

use shared::error_code::ErrorCode;
use shared::id::ChatId;
use tokio::sync::oneshot;

use super::SubscriberId;
use crate::framing::Framing;
use crate::outbound::{Answer, Outbound};
use crate::reader::Reader;
use crate::refusal::Refusal;
use crate::stomp::message::Label;

/// A session's wish to see a chat's events.
#[derive(Debug)]
pub struct Subscriber {
    /// Its name.
    pub id: SubscriberId,
    /// Who is behind it.
    pub reader: Reader,
    /// The chat has turned out to be for its members only.
    pub(super) for_members: bool,
    /// What its MESSAGE frames say of it.
    pub label: Label,
    /// How its transport wraps them.
    pub framing: Framing,
    /// Where they go, and where the answer to the wish goes.
    pub session: Arc<Outbound>,
}

impl Subscriber {
    /// Of a chat of which nothing is known.
    pub fn new(
        id: SubscriberId,
        reader: Reader,
        label: Label,
        framing: Framing,
        session: Arc<Outbound>,
    ) -> Self {
        Self {
            id,
            reader,
            for_members: false,
            label,
            framing,
            session,
        }
    }

    /// Tells the session what became of its wish.
    pub(super) fn answer(&self, result: Result<(), Refusal>) {
        self.session
            .push_answer(Answer::Subscribed(self.id.subscription, result));
    }

    /// Tells the session that nothing came of its wish.
    pub(super) fn refuse(&self, chat: ChatId, code: ErrorCode) {
        self.answer(Err(Refusal::for_subscription(code, chat)));
    }
}

/// A subscriber, and where its events begin.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) subscriber: Subscriber,
    pub(super) start: Start,
    /// When the wish came to the chat.
    pub(super) since: Instant,
}

/// Where the events of a subscription begin.
#[derive(Debug)]
pub(super) enum Start {
    /// With the next one.
    Now,
    /// With the next one, although an earlier one was wanted: the refusal says why.
    Without(Refusal),
    /// With the one after `event`. When the room no longer has it, the subscriber is handed back, to read the
    /// history first.
    After {
        event: i64,
        behind: oneshot::Sender<Subscriber>,
    },
}

impl Joining {
    /// A wish that comes now.
    pub(super) fn new(subscriber: Subscriber, start: Start) -> Self {
        Self {
            subscriber,
            start,
            since: Instant::now(),
        }
    }

    /// Whether it has seen events after `last`, or says so.
    pub(super) fn is_ahead_of(&self, last: i64) -> bool {
        matches!(self.start, Start::After { event, .. } if event > last)
    }
}
