//! Violations, commands and events in words.

use std::fmt;

use super::{Sighting, Violation};
use crate::evidence::{Fate, Sent, Stored};

/// Most ids printed of one violation.
const IDS_SHOWN_MAX: usize = 12;

impl fmt::Display for Violation {
    #[expect(
        clippy::too_many_lines,
        reason = "a sentence for each kind, and nothing else"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReceiptWithoutEvent(sent) => {
                write!(f, "RECEIPT, but the database has no event: {sent}")
            }
            Self::StoredTwice(sent, ids) => {
                write!(f, "stored more than once, as {}: {sent}", Ids(ids))
            }
            Self::RefusedButStored(sent, id) => {
                write!(f, "refused, but stored as event {id}: {sent}")
            }
            Self::UnfoundedRefusal(sent) => {
                write!(
                    f,
                    "refused, but no membership at any time between question and answer explains it: {sent}"
                )
            }
            Self::WrongEvent(sent, stored) => write!(f, "asked for {sent}, but stored is {stored}"),
            Self::NobodyAsked(stored) => write!(f, "nobody asked for {stored}"),
            Self::BrokenChain { event, expected } => {
                write!(
                    f,
                    "the chat's event before it is {expected}, but it names {}: {event}",
                    event.previous_id
                )
            }
            Self::StoredOutOfOrder { later, id, before } => {
                write!(
                    f,
                    "event {before} was known before this was sent, but its event is {id}: {later}"
                )
            }
            Self::Overtaken { first, id, second } => {
                write!(
                    f,
                    "its event is {id}, but that of a command sent behind it is {second}: {first}"
                )
            }
            Self::ImpossibleEvent(stored) => {
                write!(f, "the author's membership allows no such event: {stored}")
            }
            Self::WrongMembership {
                user,
                chat,
                in_database: true,
            } => {
                write!(
                    f,
                    "user {user} is a member of chat {chat} in the database, but not by the events"
                )
            }
            Self::WrongMembership {
                user,
                chat,
                in_database: false,
            } => {
                write!(
                    f,
                    "user {user} is a member of chat {chat} by the events, but not in the database"
                )
            }
            Self::WrongCountry {
                user,
                country,
                in_database,
                by_events,
            } => {
                write!(
                    f,
                    "user {user} has {in_database} chats in {country} in the database and {by_events} by the events"
                )
            }
            Self::TypingLeftOn(stored) => write!(f, "typing was never ended: {stored}"),
            Self::Lost(sighting) => write!(f, "LOST: {sighting}"),
            Self::Doubled(sighting) => write!(f, "DOUBLED: {sighting}"),
            Self::Disordered(sighting) => write!(f, "DISORDERED: {sighting}"),
            Self::Phantom(sighting) => write!(f, "NOT STORED, but delivered: {sighting}"),
            Self::Altered {
                subscriber,
                seen,
                stored,
            } => {
                write!(
                    f,
                    "{subscriber} saw event {} as {} of user {}, but stored is {stored}",
                    seen.id, seen.kind, seen.author
                )
            }
            Self::HistoryGone {
                subscriber,
                chat,
                last,
            } => {
                write!(
                    f,
                    "{subscriber} was told HISTORY_GONE in chat {chat} after event {last}"
                )
            }
            Self::ChangedOutcome { sent, then } => write!(f, "its repetition got {then}: {sent}"),
            Self::NotTold(what) => write!(f, "no answer: {what}"),
            Self::Protocol { client, what } => write!(f, "{client} received {what}"),
            Self::Process(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subscriber,
            chat,
            ids,
            stored: (count, newest),
        } = self;
        write!(
            f,
            "{subscriber}, chat {chat}, {} (the database holds {count} events of this chat, the newest is {newest})",
            Ids(ids)
        )
    }
}

/// `2 events: 4, 7`.
struct Ids<'a>(&'a [i64]);

impl fmt::Display for Ids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ids) = self;
        write!(f, "{} events:", ids.len())?;
        for id in ids.iter().take(IDS_SHOWN_MAX) {
            write!(f, " {id}")?;
        }
        if ids.len() > IDS_SHOWN_MAX {
            write!(f, " …")?;
        }
        Ok(())
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            author,
            chat,
            kind,
            begun,
            known,
            fate,
            burst: _,
        } = self;
        write!(
            f,
            "{kind} of user {author} in chat {chat}, {fate}, command {command}, moments {begun} to {known}"
        )
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            previous_id,
            command,
            author,
            chat,
            kind,
        } = self;
        write!(
            f,
            "event {id} after {previous_id}, {kind} of user {author} in chat {chat}, command {command}"
        )
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receipt => "RECEIPT",
            Self::Refused(code) => code.name(),
        })
    }
}
