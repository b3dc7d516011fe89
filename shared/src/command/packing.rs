//! Several commands of one partition in one NATS message, as they come to a gateway at one time.
//!
//! ```text
//! subject  cmd.<p>.several.COMMANDS
//! headers  Nats-Msg-Id: <id of the message>   Gw: <gateway>
//! body     [{"id":"01938f0e-…","type":"JOIN","authorId":1,"chatId":4},…]
//! ```
//!
//! Under load a message costs NATS, gateway and persister more than what is in it. A command alone is a message as it
//! has always been, and so is one whose trace is sampled. Who owns a partition says in its beacon how many it takes
//! ([`crate::beacon::Beacon::commands_per_message`]), so that nobody is sent what it cannot read.

use serde::{Deserialize, Serialize};

use super::{Command, CommandBody, CommandId};
use crate::event::EventType;
use crate::id::{ChatId, EventId, UserId};

/// Most commands in one message: with 150 octets each, far below what NATS takes.
pub const COMMANDS_PER_MESSAGE_MAX: u16 = 64;

/// One of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackedCommand {
    /// Its name.
    pub id: CommandId,
    /// The event it asks for.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Whose wish.
    pub author_id: UserId,
    /// In which chat.
    pub chat_id: ChatId,
    /// As in [`Command::if_typing_since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_typing_since: Option<EventId>,
    /// As in [`super::CommandBody::is_repetition`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_repetition: bool,
}

impl PackedCommand {
    /// To be sent with others.
    pub fn new(command: &Command, is_repetition: bool) -> Self {
        Self {
            id: command.id,
            kind: command.kind,
            author_id: command.author_id,
            chat_id: command.chat_id,
            if_typing_since: command.if_typing_since,
            is_repetition,
        }
    }

    /// What its body would be if it were sent alone.
    pub fn body(&self) -> CommandBody {
        CommandBody::new(&self.command(), self.is_repetition)
    }

    /// The command itself.
    pub fn command(&self) -> Command {
        Command {
            id: self.id,
            kind: self.kind,
            author_id: self.author_id,
            chat_id: self.chat_id,
            if_typing_since: self.if_typing_since,
        }
    }
}

/// The body of a message with several commands.
pub fn pack(commands: &[PackedCommand]) -> Vec<u8> {
    serde_json::to_vec(commands).expect("commands are plain data and always serialise")
}

/// The commands in such a body, in order; none if they are too many, or fewer than two.
pub fn unpack(body: &[u8]) -> Option<Vec<PackedCommand>> {
    let commands: Vec<PackedCommand> = serde_json::from_slice(body).ok()?;
    (2..=usize::from(COMMANDS_PER_MESSAGE_MAX))
        .contains(&commands.len())
        .then_some(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(number: i64) -> Command {
        Command {
            id: CommandId::fresh(),
            kind: EventType::ALL[usize::try_from(number).unwrap() % 4],
            author_id: number.try_into().unwrap(),
            chat_id: (number + 1).try_into().unwrap(),
            if_typing_since: (number % 3 == 0).then(|| number.try_into().unwrap()),
        }
    }

    fn commands(count: u16) -> Vec<PackedCommand> {
        (1..=i64::from(count))
            .map(|number| PackedCommand::new(&command(number), number % 2 == 0))
            .collect()
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let sent = commands(COMMANDS_PER_MESSAGE_MAX);
        assert_eq!(unpack(&pack(&sent)), Some(sent));
        let one = command(3);
        assert_eq!(PackedCommand::new(&one, true).command(), one);
    }

    #[test]
    fn too_many_too_few_and_anything_else_are_no_commands() {
        for count in [0, 1, COMMANDS_PER_MESSAGE_MAX + 1] {
            assert_eq!(unpack(&pack(&commands(count))), None, "{count}");
        }
        for body in [
            "",
            "{}",
            "[{},{}]",
            r#"[{"id":"x","type":"JOIN","authorId":1,"chatId":4},{"id":"x","type":"JOIN","authorId":1,"chatId":4}]"#,
        ] {
            assert_eq!(unpack(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_does_not_hold_is_not_sent() {
        let plain = PackedCommand {
            if_typing_since: None,
            is_repetition: false,
            ..PackedCommand::new(&command(1), false)
        };
        let id = plain.id;
        let body = format!(r#"[{{"id":"{id}","type":"LEAVE","authorId":1,"chatId":2}}]"#);
        assert_eq!(pack(&[plain]), body.as_bytes());
    }
}
