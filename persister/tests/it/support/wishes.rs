//! Commands for tests that talk to the store without NATS.

use persister::decide::Wish;
use shared::clock::{Timestamp, now};
use shared::command::{Command, CommandId};
use shared::event::EventType;

use super::gateway::command;

/// A command at this place in the stream, accepted just now.
pub(crate) fn wish(seq: i64, kind: EventType, author: i64, chat: i64) -> Wish {
    of(seq, command(kind, author, chat))
}

/// The same with a name of one's choice.
pub(crate) fn named(seq: i64, id: CommandId, kind: EventType, author: i64, chat: i64) -> Wish {
    let command = Command {
        id,
        ..command(kind, author, chat)
    };
    of(seq, command)
}

fn of(seq: i64, command: Command) -> Wish {
    Wish::alone(seq, Timestamp::from_micros(now().micros()), command)
}
