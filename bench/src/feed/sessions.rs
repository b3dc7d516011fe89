//! Clients that SEND what others receive: through our whole pipeline, or through a broker.

use std::time::Duration;

use super::bus::event;
use crate::crowd::{Crowd, Role};
use crate::dialect::StompDialect;
use crate::ledger::chat_id;

/// Longest wait for the sending clients to get in.
const ASSEMBLE_MAX: Duration = Duration::from_secs(30);

/// What clients send for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// The command that makes it, as our clients and Spring's send it. A new author joins each time.
    Command,
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

    pub(super) fn publish(&self, crowd: &mut Crowd, chat: usize, sequence: u64) {
        let id = chat_id(chat);
        let frame = match self.wording {
            Wording::Command => {
                let body = format!("{{\"authorId\":{sequence},\"chatId\":{id}}}");
                StompDialect::send("/chat/events.joinChat", None, &body)
            }
            Wording::Event { prefix } => {
                let body = serde_json::to_string(&event(chat, sequence)).expect("plain data");
                StompDialect::send(&format!("{prefix}{id}"), None, &body)
            }
        };
        crowd.say(self.first + chat, &frame);
    }
}
