//! A command (what a client asks) and its outcome (what became of it).

pub mod packing;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error_code::ErrorCode;
use crate::event::EventType;
use crate::id::{ChatId, EventId, UserId};

/// Header of a command: the gateway process that wants to hear its outcome.
pub const GATEWAY_HEADER: &str = "Gw";

/// Longest `idempotency-key`, in octets.
pub const IDEMPOTENCY_KEY_OCTETS_MAX: usize = 128;

/// Apart from the namespaces of users' keys.
const STOP_TYPING_NAMESPACE: Uuid = Uuid::from_u128(0x6d0c_9f0e_3b1a_4c57_9a51_7e2f_0b8d_4a16);

/// For events of another system, which no command of ours caused.
const IMPORTED_NAMESPACE: Uuid = Uuid::from_u128(0x1f7c_3d52_8e0a_4b69_b3d4_60a9_52c7_e81d);

/// Names a command for ever: the same id takes effect once, whatever is repeated, redelivered or replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(Uuid);

impl CommandId {
    /// A new command of which no repetition is expected.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// The command that `author` calls `key`. The author is part of the name, so that one user can never
    /// answer for, or suppress, another's command.
    pub fn from_key(author: UserId, key: &str) -> Self {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_OID, &author.get().to_be_bytes());
        Self(Uuid::new_v5(&namespace, key.as_bytes()))
    }

    /// The STOP_TYPING that ends the typing begun by event `since` when its author does not. Whoever notices
    /// that it is due gives it this name, so that it takes effect once, however many do.
    pub fn stop_typing(since: EventId) -> Self {
        Self(Uuid::new_v5(
            &STOP_TYPING_NAMESPACE,
            &since.get().to_be_bytes(),
        ))
    }

    /// The command that would have caused an event of the server before this one. Named after the event, so that
    /// importing it again finds it there.
    pub fn imported(event: EventId) -> Self {
        Self(Uuid::new_v5(
            &IMPORTED_NAMESPACE,
            &event.get().to_be_bytes(),
        ))
    }

    /// Whether the client chose the key, so that a repetition may come hours later.
    pub fn is_keyed(self) -> bool {
        self.0.get_version_num() == 5
    }

    /// As the database keeps it.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for CommandId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl std::fmt::Display for CommandId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for CommandId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// A client's wish, checked for form and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its name.
    pub id: CommandId,
    /// The event it asks for.
    pub kind: EventType,
    /// Whose wish.
    pub author_id: UserId,
    /// In which chat.
    pub chat_id: ChatId,
    /// Only if the author is still typing since this event; otherwise nothing happens. Only the system itself
    /// asks like this.
    pub if_typing_since: Option<EventId>,
}

/// The body of a command on the bus; id and type travel in header and subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandBody {
    /// Whose wish.
    pub author_id: UserId,
    /// In which chat.
    pub chat_id: ChatId,
    /// As in [`Command::if_typing_since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_typing_since: Option<EventId>,
    /// Whether the gateway has sent it before, without a word from NATS: then it may have taken effect already, or been
    /// refused, and that is what its sender is to hear.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_repetition: bool,
}

impl CommandBody {
    /// Of a command.
    pub fn new(command: &Command, is_repetition: bool) -> Self {
        Self {
            author_id: command.author_id,
            chat_id: command.chat_id,
            if_typing_since: command.if_typing_since,
            is_repetition,
        }
    }

    /// As it travels.
    pub fn encode(&self) -> Bytes {
        let json = serde_json::to_vec(self);
        json.expect("a command body is plain data and always serialises")
            .into()
    }
}

/// What became of a command, once that is known for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The event is stored and published.
    Stored(EventId),
    /// Nothing happened, and this is why.
    Rejected(ErrorCode),
}

/// One entry of the packed message on `out.<gateway>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutcome {
    /// Whose outcome.
    pub id: CommandId,
    /// What it is.
    pub outcome: Outcome,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_the_same_command_again_but_not_for_another_author() {
        let (one, two) = (UserId::try_from(1).unwrap(), UserId::try_from(2).unwrap());
        assert_eq!(CommandId::from_key(one, "k"), CommandId::from_key(one, "k"));
        assert_ne!(CommandId::from_key(one, "k"), CommandId::from_key(two, "k"));
        assert_ne!(CommandId::from_key(one, "k"), CommandId::from_key(one, "l"));
        assert!(CommandId::from_key(one, "k").is_keyed());
        assert!(!CommandId::fresh().is_keyed());
    }

    #[test]
    fn outcomes_read_back() {
        for outcome in [
            Outcome::Stored(EventId::try_from(5).unwrap()),
            Outcome::Rejected(ErrorCode::NotJoined),
        ] {
            let sent = vec![CommandOutcome {
                id: CommandId::fresh(),
                outcome,
            }];
            let json = serde_json::to_vec(&sent).unwrap();
            assert_eq!(
                serde_json::from_slice::<Vec<CommandOutcome>>(&json).unwrap(),
                sent
            );
        }
    }
}
