//! The commands of one session on their way: published, or waiting for the one before them.
//!
//! Commands of one chat are published in the order they came, each only after NATS has the one before: a
//! publish that has to be repeated could otherwise fall behind its successor. Different chats do not wait for
//! each other. The session bounds how many there are.

use std::collections::{HashMap, VecDeque};

use shared::id::ChatId;

use super::action::Publish;
use super::send::{SendRequest, Wish};

/// What has to be remembered of a SEND to answer it.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) destination: String,
    pub(super) receipt: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) wish: Wish,
}

/// All that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Commands {
    last_ticket: u64,
    unanswered: HashMap<u64, Unanswered>,
    /// Chats with a command that NATS may not have yet.
    chats: HashMap<ChatId, Queue>,
}

/// The commands of one chat, in order.
#[derive(Debug)]
struct Queue {
    /// Published, not yet accepted.
    unaccepted: u64,
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
        };
        self.unanswered.insert(ticket, unanswered);
        if let Some(queue) = self.chats.get_mut(&wish.chat) {
            queue.waiting.push_back(publish);
            return None;
        }
        let queue = Queue {
            unaccepted: ticket,
            waiting: VecDeque::new(),
        };
        self.chats.insert(wish.chat, queue);
        Some(publish)
    }

    /// NATS has a command; hands out the next one of its chat.
    pub(super) fn accepted(&mut self, ticket: u64) -> Option<Publish> {
        let chat = self.unanswered.get(&ticket)?.wish.chat;
        let queue = self.chats.get_mut(&chat)?;
        if queue.unaccepted != ticket {
            return None;
        }
        let next = queue.waiting.pop_front();
        match &next {
            Some(publish) => queue.unaccepted = publish.ticket,
            None => drop(self.chats.remove(&chat)),
        }
        next
    }

    /// A command is answered; hands out what is needed to say so, and the next one of its chat.
    pub(super) fn answered(&mut self, ticket: u64) -> Option<(Unanswered, Option<Publish>)> {
        let next = self.accepted(ticket);
        Some((self.unanswered.remove(&ticket)?, next))
    }
}
