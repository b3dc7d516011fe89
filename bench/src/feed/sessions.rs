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

/// What clients send for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// A JOIN of somebody new each time, with a receipt or without.
    Joins {
        /// Whether a receipt is asked for.
        receipts: bool,
    },
    /// JOIN, START_TYPING, STOP_TYPING and LEAVE of somebody, then of the next.
    Mix,
    /// The event itself, to the destination it is received from.
    Event {
        /// What stands before a chat's number in the destination.
        prefix: &'static str,
    },
}

/// The clients that send, one per chat.
pub struct Sessions {
    wording: Wording,
    first: usize,
}

impl Sessions {
    pub(super) fn open(wording: Wording, crowd: &mut Crowd, chats: usize) -> anyhow::Result<Self> {
        let first = crowd.len();
        crowd.assemble(&vec![Role::default(); chats], ASSEMBLE_MAX)?;
        Ok(Self { wording, first })
    }

    pub(super) fn publish(
        &self,
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
                command(name, None, sequence - turn, id)
            }
            Wording::Event { prefix } => {
                let body = serde_json::to_string(&event(chat, sequence)).expect("plain data");
                StompDialect::send(&format!("{prefix}{id}"), None, &body)
            }
        };
        crowd.say(client, &frame);
    }
}

fn command(name: &str, receipt: Option<u64>, author: u64, chat: u64) -> String {
    let body = format!("{{\"authorId\":{author},\"chatId\":{chat}}}");
    StompDialect::send(&format!("/chat/events.{name}"), receipt, &body)
}
