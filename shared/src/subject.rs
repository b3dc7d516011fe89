//! Every NATS subject, built and parsed here and nowhere else.
//!
//! | subject | carries | kind |
//! | --- | --- | --- |
//! | `cmd.<p>.<chat>.<TYPE>` | a command ([`crate::command`]) | stream `CMD_<p>` |
//! | `cmd.<p>.several.COMMANDS` | several ([`crate::command::packing`]) | stream `CMD_<p>` |
//! | `ev.<p>.<chat>` | a stored event ([`crate::envelope`]) | stream `EV_<p>` |
//! | `out.<gateway>` | outcomes of that gateway's commands | core |
//! | `hb.<p>` | the owner's beacon ([`crate::beacon`]) | core |
//! | `who.<user>` | whether a gateway has a session of that user | core, between gateways |
//! | `aside.<p>` | a command that cannot be carried out | stream `SET_ASIDE` |
//! | `svc.heads`, `svc.events`, `svc.outcome`, `svc.directory` | questions to any persister ([`crate::query`]) | request/reply |
//! | `sj.<session>` | from gateway to gateway: requests for a SockJS session that another one holds | core, request/reply |
//! | `_INBOX_gateway.>`, `_INBOX_persister.>`, `_INBOX_operator.>` | answers to questions, NATS's own included | core |
//!
//! An id is printed in decimal and a gateway id has no `.`, so every part is one token. SockJS session ids are
//! the client's own invention; [`sockjs_session`] makes a token of any of them.

use crate::event::EventType;
use crate::id::{ChatId, UserId};
use crate::partition::{Partition, PartitionCount};

/// Every partition's beacon.
pub const ALL_BEACONS: &str = "hb.*";
/// Every question about a user's whereabouts.
pub const ALL_WHEREABOUTS: &str = "who.*";
/// Every command that was set aside.
pub const ALL_SET_ASIDE: &str = "aside.*";
/// Existence and newest event of chats.
pub const HEADS: &str = "svc.heads";
/// A page of a chat's events.
pub const EVENTS: &str = "svc.events";
/// Who and what there is: chats, members, a user's chats and countries.
pub const DIRECTORY: &str = "svc.directory";
/// What became of commands.
pub const OUTCOME: &str = "svc.outcome";

/// Start of the subjects on which gateways hear answers. One for each service, and not NATS's usual `_INBOX`, so that
/// permissions can keep services out of each other's.
pub const GATEWAY_INBOX: &str = "_INBOX_gateway";
/// Start of the subjects on which persisters hear answers.
pub const PERSISTER_INBOX: &str = "_INBOX_persister";
/// Start of the subjects on which people hear answers, through `persister set-aside`.
pub const OPERATOR_INBOX: &str = "_INBOX_operator";

/// In the place of a chat and a type, neither of which it can be.
const SEVERAL: &str = "several.COMMANDS";

/// Where a command is published.
pub fn command(count: PartitionCount, chat: ChatId, kind: EventType) -> String {
    format!("cmd.{}.{chat}.{kind}", count.of(chat))
}

/// Where several commands of a partition are published as one message.
pub fn commands(partition: Partition) -> String {
    format!("cmd.{partition}.{SEVERAL}")
}

/// Whether several commands came on this subject.
pub fn is_several_commands(subject: &str) -> bool {
    let rest = subject.strip_prefix("cmd.");
    rest.and_then(|rest| rest.split_once('.'))
        .is_some_and(|(_, rest)| rest == SEVERAL)
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

/// Where gateways ask each other whether a user has a session there; who has one answers, the others do not.
pub fn whereabouts(user: UserId) -> String {
    format!("who.{user}")
}

/// The user that a question on [`whereabouts`] is about.
pub fn parse_whereabouts(subject: &str) -> Option<UserId> {
    subject.strip_prefix("who.")?.parse().ok()
}

/// Where the owner of a partition puts commands that it cannot carry out.
pub fn set_aside(partition: Partition) -> String {
    format!("aside.{partition}")
}

/// Where the owner of a partition says that it lives.
pub fn beacon(partition: Partition) -> String {
    format!("hb.{partition}")
}

/// Longest SockJS session id that stands in a subject as it is.
const SOCKJS_ID_OCTETS_MAX: usize = 64;

/// Where the gateway that holds a SockJS session hears of requests for it that came to other gateways.
///
/// Client libraries choose ids of letters and digits, which are kept readable. Any other id is replaced by its
/// digest, under a second token so that no chosen id can equal it.
pub fn sockjs_session(id: &str) -> String {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'-';
    if (1..=SOCKJS_ID_OCTETS_MAX).contains(&id.len()) && id.bytes().all(is_plain) {
        format!("sj.{id}")
    } else {
        let digest = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, id.as_bytes());
        format!("sj.digest.{}", digest.simple())
    }
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

    #[test]
    fn several_commands_have_a_subject_that_no_command_has() {
        let several = commands(Partition::new(3));
        assert_eq!(several, "cmd.3.several.COMMANDS");
        assert!(is_several_commands(&several));
        assert_eq!(parse_command(&several), None);
        for other in [
            "cmd.3.4.JOIN",
            "cmd.several.COMMANDS",
            "several.COMMANDS",
            "",
        ] {
            assert!(!is_several_commands(other), "{other}");
        }
    }

    #[test]
    fn any_sockjs_session_id_makes_a_subject_of_its_own() {
        assert_eq!(sockjs_session("a_b-9Z"), "sj.a_b-9Z");
        let long = "x".repeat(SOCKJS_ID_OCTETS_MAX + 1);
        let odd = [
            "",
            ">",
            "*",
            "a.b",
            "a b",
            "a%20b",
            "\u{e9}",
            "a\r\nPUB x 0",
            long.as_str(),
        ];
        let subjects = odd.map(sockjs_session);
        for (index, subject) in subjects.iter().enumerate() {
            let digest = subject.strip_prefix("sj.digest.").unwrap();
            assert!(
                digest.len() == 32 && digest.bytes().all(|octet| octet.is_ascii_hexdigit()),
                "{subject}"
            );
            assert!(!subjects[..index].contains(subject), "{:?}", odd[index]);
        }
    }
}
