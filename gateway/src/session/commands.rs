//! The commands of one session on their way: published, or waiting for the one before them.
//!
//! Commands of one chat are published in the order they came, each only after NATS has the one before: a
//! publish that has to be repeated could otherwise fall behind its successor. They are answered in that order
//! too: outcomes reach us through tasks of their own and may overtake each other on the way. Different chats do
//! not wait for each other. The session bounds how many there are.

use std::collections::{HashMap, VecDeque};

use shared::id::{ChatId, EventId};

use super::action::Publish;
use super::send::{SendRequest, Wish};
use crate::refusal::Refusal;

/// What became of a command.
pub(super) type Outcome = Result<EventId, Refusal>;

/// What has to be remembered of a SEND to answer it.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) destination: String,
    pub(super) receipt: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) wish: Wish,
    /// Known, but the client has not heard of an earlier one yet.
    outcome: Option<Outcome>,
}

/// All that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Commands {
    last_ticket: u64,
    unanswered: HashMap<u64, Unanswered>,
    /// Chats with a command that is not answered yet.
    chats: HashMap<ChatId, Queue>,
}

/// The commands of one chat, in order.
#[derive(Debug, Default)]
struct Queue {
    /// Those the client has not heard of.
    unanswered: VecDeque<u64>,
    /// Published, and NATS may not have it yet.
    unaccepted: Option<u64>,
    /// To be published after it.
    waiting: VecDeque<Publish>,
}

impl Commands {
    /// How many are not answered yet.
    pub(super) fn len(&self) -> usize {
        self.unanswered.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Whether a command of this chat is not answered yet.
    pub(super) fn has_unanswered(&self, chat: ChatId) -> bool {
        self.chats.contains_key(&chat)
    }

    /// Takes a command; hands it out if it can be published at once.
    pub(super) fn submit(&mut self, send: SendRequest, wish: Wish) -> Option<Publish> {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let publish = Publish {
            ticket,
            kind: wish.kind,
            author: wish.author,
            chat: wish.chat,
            idempotency_key: send.idempotency_key.clone(),
            traceparent: send.traceparent,
        };
        let unanswered = Unanswered {
            destination: send.destination,
            receipt: send.receipt,
            idempotency_key: send.idempotency_key,
            wish,
            outcome: None,
        };
        self.unanswered.insert(ticket, unanswered);
        let queue = self.chats.entry(wish.chat).or_default();
        queue.unanswered.push_back(ticket);
        if queue.unaccepted.is_some() {
            queue.waiting.push_back(publish);
            return None;
        }
        queue.unaccepted = Some(ticket);
        Some(publish)
    }

    /// NATS has a command; hands out the next one of its chat.
    pub(super) fn accepted(&mut self, ticket: u64) -> Option<Publish> {
        let chat = self.unanswered.get(&ticket)?.wish.chat;
        let queue = self.chats.get_mut(&chat)?;
        if queue.unaccepted != Some(ticket) {
            return None;
        }
        let next = queue.waiting.pop_front();
        queue.unaccepted = next.as_ref().map(|publish| publish.ticket);
        next
    }

    /// What became of a command is known, which implies [`Self::accepted`]. Hands out the next one to publish,
    /// and all that the client can hear of now.
    pub(super) fn settled(
        &mut self,
        ticket: u64,
        outcome: Outcome,
    ) -> (Option<Publish>, Vec<(Unanswered, Outcome)>) {
        let next = self.accepted(ticket);
        let mut answers = Vec::new();
        if let Some(command) = self.unanswered.get_mut(&ticket) {
            command.outcome.get_or_insert(outcome);
            let chat = command.wish.chat;
            while let Some(answer) = self.next_answer(chat) {
                answers.push(answer);
            }
        }
        (next, answers)
    }

    /// The chat's oldest command, if its outcome is known.
    fn next_answer(&mut self, chat: ChatId) -> Option<(Unanswered, Outcome)> {
        let queue = self.chats.get_mut(&chat)?;
        let oldest = *queue.unanswered.front()?;
        let outcome = self.unanswered.get_mut(&oldest)?.outcome.take()?;
        queue.unanswered.pop_front();
        if queue.unanswered.is_empty() {
            self.chats.remove(&chat);
        }
        Some((self.unanswered.remove(&oldest)?, outcome))
    }
}
