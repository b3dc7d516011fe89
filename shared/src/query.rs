//! Questions a gateway asks any persister, and their answers (NATS request/reply, JSON).
//!
//! An answer is `Reply<T>`: a persister that cannot reach its database says so at once instead of letting the
//! asker wait.

use serde::{Deserialize, Serialize};

use crate::command::{CommandId, Outcome};
use crate::envelope::Envelope;
use crate::error_code::ErrorCode;
use crate::event::ChatEvent;
use crate::id::{ChatId, EventId, UserId};
use crate::policy::ChatType;

/// Queue group of the persisters: each question reaches one of them.
pub const QUEUE_GROUP: &str = "q";

/// Most chats in one [`HeadsRequest`].
pub const HEADS_MAX: usize = 1_000;

/// Most events in one [`EventsPage`]: 500 events of about 110 octets stay far below NATS's 1 MiB.
pub const EVENTS_MAX: u64 = 500;

/// Most command ids in one [`OutcomeRequest`].
pub const OUTCOMES_MAX: usize = 1_000;

/// An answer, or why there is none: [`ErrorCode::Unavailable`] or what was wrong with the question.
pub type Reply<T> = Result<T, ErrorCode>;

/// Which of these chats exist, and what is the newest event of each?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadsRequest {
    /// At most [`HEADS_MAX`].
    pub chats: Vec<ChatId>,
}

/// The newest event of a chat that exists, and whom its events are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Of this chat.
    pub chat: ChatId,
    /// Id of its newest stored event, 0 when it has none.
    pub event: i64,
    /// Whom its events are for.
    #[serde(default, skip_serializing_if = "Audience::is_everybody")]
    pub audience: Audience,
}

/// Whom a chat's events are for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// A GROUP chat.
    #[default]
    Everybody,
    /// A PRIVATE chat, with its members as of its newest event or later: read after it, so that whoever follows the
    /// chat's JOIN and LEAVE events from there on knows them.
    Members(Vec<UserId>),
}

impl Audience {
    /// Whether nobody is kept out.
    pub const fn is_everybody(&self) -> bool {
        matches!(self, Self::Everybody)
    }
}

/// One entry per chat asked for that exists; the others do not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heads {
    /// In no particular order.
    pub heads: Vec<Head>,
}

/// The events of one chat after a given one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsRequest {
    /// Of this chat.
    pub chat: ChatId,
    /// Only events with a larger id; 0 for all.
    pub after: i64,
    /// At most this many, and never more than [`EVENTS_MAX`].
    pub limit: u64,
}

/// An event with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainedEvent {
    /// Id of the chat's previous event, 0 for the first.
    pub previous_id: i64,
    /// The event.
    pub event: ChatEvent,
}

impl ChainedEvent {
    /// As it would have come live.
    pub fn to_envelope(&self) -> Envelope {
        Envelope::new(&self.event, self.previous_id, None)
    }
}

/// A page of a chat's history, in order of id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsPage {
    /// The events.
    pub events: Vec<ChainedEvent>,
    /// Whether there are more after the last one.
    pub more: bool,
    /// Set when events after the given one (and not after 0) are no longer kept, so that the page cannot be
    /// complete: the oldest event from which a page would be. It may be gone itself; all after it are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<EventId>,
}

/// What became of these commands?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRequest {
    /// At most [`OUTCOMES_MAX`].
    pub ids: Vec<CommandId>,
}

/// What is known of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// It was carried out or rejected, and its event, if any, is published.
    Settled(Outcome),
    /// Not known, or its event is stored but not certain to be published yet.
    Pending,
}

/// One entry per id asked for, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// What is known of each.
    pub states: Vec<CommandState>,
}

/// A country as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Country {
    /// ISO 3166-1 alpha-2, upper case.
    pub code: String,
    /// English short name.
    pub name: String,
    /// Which flag to show: the code in lower case.
    pub flag: String,
}

/// A chat as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// Its id.
    pub id: ChatId,
    /// Its name.
    pub name: String,
    /// Whom it is for.
    pub chat_type: ChatType,
    /// The country it belongs to.
    pub country: Country,
    /// How many members it has.
    pub members: u64,
    /// Id of its newest event, if it has one: where a client that knows the rest resumes.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_event_id: Option<EventId>,
}

/// A user's membership of a country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserCountry {
    /// The country.
    #[serde(flatten)]
    pub country: Country,
    /// Through how many of its chats.
    pub chats: u32,
}

/// Most rows in one page of chats, members or countries.
pub const ROWS_MAX: u64 = 1_000;

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Only rows whose id is larger; 0 for all.
    pub after: i64,
    /// At most this many, and never more than [`ROWS_MAX`].
    pub limit: u64,
}

/// Questions about who and what there is; the answers are of the type beside each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryRequest {
    /// GROUP chats in order of id, of one country (alpha-2 code) or of all: [`Page`] of [`Chat`].
    Chats {
        /// Only of this country.
        country: Option<String>,
        /// Which of them.
        page: PageRequest,
    },
    /// One chat: [`Chat`], or [`ErrorCode::ChatNotFound`].
    Chat(ChatId),
    /// Members of a chat in order of user id: [`Page`] of [`UserId`], or [`ErrorCode::ChatNotFound`].
    Members {
        /// Of this chat.
        chat: ChatId,
        /// Which of them.
        page: PageRequest,
    },
    /// Chats a user is a member of, in order of id: [`Page`] of [`Chat`].
    UserChats {
        /// This user.
        user: UserId,
        /// Which of them.
        page: PageRequest,
    },
    /// Countries a user is a member of, all of them, in order of code: a list of [`UserCountry`].
    UserCountries(UserId),
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether there are more after the last one.
    pub more: bool,
}
