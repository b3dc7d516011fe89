//! Clients that SEND what others receive: through our whole pipeline, or through a broker.

use std::time::{Duration, Instant};

use super::bus::event;
use crate::crowd::{Crowd, Role};
use crate::dialect::StompDialect;
use crate::ledger::chat_id;
use crate::receipts::Receipts;

/// Longest wait for the sending clients to get in.
const ASSEMBLE_MAX: Duration = Duration::from_secs(30);

/// The commands in turn, when all kinds are sent: where to, and whose.
const TURNS: [&str; 4] = ["joinChat", "startTyping", "stopTyping", "leaveChat"];

/// Authors that a client sends for in turn, when all kinds are sent. A gateway takes note of no more than 16 users of
/// a session: of another one it would think that they had left, and end their typing by a command of its own.
const AUTHORS: u64 = 8;

/// What clients send for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// A JOIN of somebody new each time, with a receipt or without.
    Joins {
        /// Whether a receipt is asked for.
        receipts: bool,
    },
    /// JOIN, START_TYPING, STOP_TYPING and LEAVE of one of `AUTHORS`, then of the next.
    Mix,
    /// The event itself, to the destination it is received from.
    Event {
        /// What stands before a chat's number in the destination.
        prefix: &'static str,
    },
}

impl Wording {
    /// See [`super::FeedSpec::cycle`].
    pub(super) fn cycle(self) -> Option<u64> {
        (self == Self::Mix).then_some(AUTHORS * TURNS.len() as u64)
    }
}

/// The clients that send, one per chat.
pub struct Sessions {
    wording: Wording,
    first: usize,
    /// Who has something to say since the last flush.
    speakers: Vec<usize>,
}

impl Sessions {
    pub(super) fn open(wording: Wording, crowd: &mut Crowd, chats: usize) -> anyhow::Result<Self> {
        let first = crowd.len();
        crowd.assemble(&vec![Role::default(); chats], ASSEMBLE_MAX)?;
        Ok(Self {
            wording,
            first,
            speakers: Vec::new(),
        })
    }

    /// What a client says in one turn leaves in one write.
    pub(super) fn flush(&mut self, crowd: &mut Crowd) {
        for client in self.speakers.drain(..) {
            crowd.flush(client);
        }
    }

    pub(super) fn publish(
        &mut self,
        crowd: &mut Crowd,
        receipts: &mut Receipts,
        chat: usize,
        sequence: u64,
    ) {
        let (id, client) = (chat_id(chat), self.first + chat);
        let frame = match self.wording {
            Wording::Joins { receipts: false } => command(TURNS[0], None, sequence, id),
            Wording::Joins { receipts: true } => {
                receipts.ask(client, sequence, Instant::now());
                command(TURNS[0], Some(sequence), sequence, id)
            }
            Wording::Mix => {
                let turn = (sequence - 1) % TURNS.len() as u64;
                let name = TURNS[usize::try_from(turn).expect("a remainder of four")];
                let author = (sequence - turn) % (AUTHORS * TURNS.len() as u64);
                command(name, None, author, id)
            }
            Wording::Event { prefix } => {
                let body = serde_json::to_string(&event(chat, sequence)).expect("plain data");
                StompDialect::send(&format!("{prefix}{id}"), None, &body)
            }
        };
        crowd.put(client, &frame);
        self.speakers.push(client);
    }
}

fn command(name: &str, receipt: Option<u64>, author: u64, chat: u64) -> String {
    let body = format!("{{\"authorId\":{author},\"chatId\":{chat}}}");
    StompDialect::send(&format!("/chat/events.{name}"), receipt, &body)
}
