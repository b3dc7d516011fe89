//! The commands of one session that are not answered yet.
//!
//! Those of one chat are answered in the order they came, though what became of them may be known in another order.
//! Different chats do not wait for each other. The session bounds how many there are.

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
    /// Those of each chat that has one, in order.
    chats: HashMap<ChatId, VecDeque<u64>>,
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

    /// Takes a command, and says what to publish.
    pub(super) fn submit(&mut self, send: SendRequest, wish: Wish) -> Publish {
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
        self.chats.entry(wish.chat).or_default().push_back(ticket);
        publish
    }

    /// What became of a command is known. Hands out all that the client can hear of now.
    pub(super) fn settled(&mut self, ticket: u64, outcome: Outcome) -> Vec<(Unanswered, Outcome)> {
        let mut answers = Vec::new();
        if let Some(command) = self.unanswered.get_mut(&ticket) {
            command.outcome.get_or_insert(outcome);
            let chat = command.wish.chat;
            while let Some(answer) = self.next_answer(chat) {
                answers.push(answer);
            }
        }
        answers
    }

    /// The chat's oldest command, if its outcome is known.
    fn next_answer(&mut self, chat: ChatId) -> Option<(Unanswered, Outcome)> {
        let queue = self.chats.get_mut(&chat)?;
        let oldest = *queue.front()?;
        let outcome = self.unanswered.get_mut(&oldest)?.outcome.take()?;
        queue.pop_front();
        if queue.is_empty() {
            self.chats.remove(&chat);
        }
        Some((self.unanswered.remove(&oldest)?, outcome))
    }
}
