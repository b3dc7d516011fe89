//! Every NATS subject, built and parsed here and nowhere else.
//!
//! | subject | carries | kind |
//! | --- | --- | --- |
//! | `cmd.<p>.<chat>.<TYPE>` | a command ([`crate::command`]) | stream `CMD_<p>` |
//! | `ev.<p>.<chat>` | a stored event ([`crate::envelope`]) | stream `EV_<p>` |
//! | `out.<gateway>` | outcomes of that gateway's commands | core |
//! | `hb.<p>` | the owner's beacon ([`crate::beacon`]) | core |
//! | `svc.heads`, `svc.events`, `svc.outcome` | questions to any persister ([`crate::query`]) | request/reply |
//!
//! An id is printed in decimal and a gateway id has no `.`, so every part is one token.

use crate::event::EventType;
use crate::id::ChatId;
use crate::partition::{Partition, PartitionCount};

/// Every partition's beacon.
pub const ALL_BEACONS: &str = "hb.*";
/// Existence and newest event of chats.
pub const HEADS: &str = "svc.heads";
/// A page of a chat's events.
pub const EVENTS: &str = "svc.events";
/// What became of commands.
pub const OUTCOME: &str = "svc.outcome";

/// Where a command is published.
pub fn command(count: PartitionCount, chat: ChatId, kind: EventType) -> String {
    format!("cmd.{}.{chat}.{kind}", count.of(chat))
}

/// What the command stream of a partition listens to.
pub fn all_commands(partition: Partition) -> String {
    format!("cmd.{partition}.*.*")
}

/// Chat and type of a command, from the subject it came on.
pub fn parse_command(subject: &str) -> Option<(ChatId, EventType)> {
    let mut tokens = subject.strip_prefix("cmd.")?.split('.').skip(1);
    let parsed = (tokens.next()?.parse().ok()?, tokens.next()?.parse().ok()?);
    tokens.next().is_none().then_some(parsed)
}

/// Where a chat's events are published.
pub fn events(count: PartitionCount, chat: ChatId) -> String {
    format!("ev.{}.{chat}", count.of(chat))
}

/// What the event stream of a partition listens to.
pub fn all_events(partition: Partition) -> String {
    format!("ev.{partition}.*")
}

/// Where one gateway process hears of its commands' outcomes.
pub fn outcomes(gateway: &str) -> String {
    format!("out.{gateway}")
}

/// Where the owner of a partition says that it lives.
pub fn beacon(partition: Partition) -> String {
    format!("hb.{partition}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_subject_reads_back() {
        let count = PartitionCount::try_from(8).unwrap();
        for kind in EventType::ALL {
            let chat = ChatId::try_from(4711).unwrap();
            assert_eq!(
                parse_command(&command(count, chat, kind)),
                Some((chat, kind))
            );
        }
    }

    #[test]
    fn anything_else_is_no_command_subject() {
        for subject in [
            "",
            "cmd",
            "cmd.0",
            "cmd.0.4",
            "cmd.0.4.DANCE",
            "cmd.0.x.JOIN",
            "cmd.0.4.JOIN.x",
            "ev.0.4",
        ] {
            assert_eq!(parse_command(subject), None, "{subject:?}");
        }
    }
}
