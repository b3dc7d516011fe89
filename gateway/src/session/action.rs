//! What a session wants done, and what it is told of the time.

use std::time::Instant;

use shared::clock::Timestamp;
use shared::event::EventType;
use shared::id::{ChatId, EventId, UserId};

use super::tally::Tally;
use crate::auth::Token;
use crate::disconnect::Disconnect;
use crate::reader::Reader;
use crate::stomp::message::Label;

/// The time, as the caller knows it: a session has no clock.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines.
    pub instant: Instant,
    /// For what the client reads.
    pub wall: Timestamp,
}

/// Something for the shell to do, in the order it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this to the client: one frame, or a heart-beat.
    Send(String),
    /// Find out whose token this is, or what to make of none. Answered by [`super::Session::on_authenticated`].
    Authenticate(Option<Token>),
    /// Let the client have a chat's events. Answered by [`super::Session::on_subscribed`].
    Subscribe {
        /// Names the subscription from now on.
        number: u32,
        /// Whose events.
        chat: ChatId,
        /// In whose name.
        reader: Reader,
        /// How each MESSAGE is labelled.
        label: Label,
        /// First everything after this one, if given.
        last_event_id: Option<EventId>,
    },
    /// No more events for this subscription.
    Unsubscribe {
        /// As in [`Action::Subscribe`].
        number: u32,
        /// As in [`Action::Subscribe`].
        chat: ChatId,
    },
    /// Publish a command.
    Publish(Publish),
    /// Send what was sent before, then close. Nothing follows.
    Close(Disconnect),
}

/// Whom sessions let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Everybody; each body says who its author is.
    Anybody,
    /// Whoever shows a valid token; it says who the author is.
    TokenHolders,
}

/// A command to publish. Answered by [`super::Session::on_outcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Names the command in its answers.
    pub ticket: u64,
    /// The event it asks for.
    pub kind: EventType,
    /// Whose wish.
    pub author: UserId,
    /// In which chat.
    pub chat: ChatId,
    /// The client's name for the command, by which repetitions are known.
    pub idempotency_key: Option<String>,
    /// The client's trace context, as it came.
    pub traceparent: Option<String>,
}

/// One call into the session: when it happens, what it leads to, what is counted.
pub(super) struct Turn<'a> {
    pub(super) now: Now,
    pub(super) out: &'a mut Vec<Action>,
    pub(super) tally: &'a mut Tally,
}

impl Turn<'_> {
    pub(super) fn send(&mut self, frame: String) {
        self.out.push(Action::Send(frame));
    }
}
