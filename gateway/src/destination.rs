//! The destination grammar of contract sections 3 to 6, parsed into types.
//!
//! ```text
//! SEND       /chat/events.joinChat  /chat/events.leaveChat  /chat/events.startTyping  /chat/events.stopTyping
//!            /session/token
//! SUBSCRIBE  /countries/{chatId}/events  /user/queue/errors  /user/{userId}/errors  /user/queue/session
//! ```
//!
//! Ids are positive decimals without sign or leading zero, so that a destination has one spelling.

use std::fmt;

use shared::event::EventType;
use shared::id::{ChatId, UserId};

/// Where a session's own errors go.
pub const OWN_ERRORS: &str = "/user/queue/errors";

/// Where a session hears about itself.
pub const SESSION_NOTICES: &str = "/user/queue/session";

/// Where a session gets a fresh token.
pub const SESSION_TOKEN: &str = "/session/token";

/// The event that a SEND to this destination asks for; `None` if none is.
pub fn event_type(destination: &str) -> Option<EventType> {
    match destination {
        "/chat/events.joinChat" => Some(EventType::Join),
        "/chat/events.leaveChat" => Some(EventType::Leave),
        "/chat/events.startTyping" => Some(EventType::StartTyping),
        "/chat/events.stopTyping" => Some(EventType::StopTyping),
        _ => None,
    }
}

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The events of a chat.
    Chat(ChatId),
    /// The errors of this session.
    OwnErrors,
    /// The same, under the name older clients use.
    ErrorsOf(UserId),
    /// Warnings about this session.
    SessionNotices,
}

impl Source {
    /// The chat, if it is one.
    pub const fn chat(self) -> Option<ChatId> {
        match self {
            Self::Chat(chat) => Some(chat),
            _ => None,
        }
    }

    /// Whether errors can be told there.
    pub const fn takes_errors(self) -> bool {
        matches!(self, Self::OwnErrors | Self::ErrorsOf(_))
    }
}

/// Why a destination cannot be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadDestination {
    /// It is none of ours.
    Unknown,
    /// The id in it is none; this is its name.
    BadId(&'static str),
}

/// What a SUBSCRIBE to this destination asks for.
pub fn source(destination: &str) -> Result<Source, BadDestination> {
    match destination {
        OWN_ERRORS => return Ok(Source::OwnErrors),
        SESSION_NOTICES => return Ok(Source::SessionNotices),
        _ => {}
    }
    if let Some(chat) = id_between("/countries/", destination, "/events") {
        return chat
            .parse()
            .map(Source::Chat)
            .map_err(|_| BadDestination::BadId("chatId"));
    }
    if let Some(user) = id_between("/user/", destination, "/errors") {
        return user
            .parse()
            .map(Source::ErrorsOf)
            .map_err(|_| BadDestination::BadId("userId"));
    }
    Err(BadDestination::Unknown)
}

fn id_between<'a>(start: &str, destination: &'a str, end: &str) -> Option<&'a str> {
    let id = destination.strip_prefix(start)?.strip_suffix(end)?;
    (!id.contains('/')).then_some(id)
}

/// Prints the destination of a chat's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatEvents(pub ChatId);

impl fmt::Display for ChatEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/countries/{}/events", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_destinations_take_sends() {
        for (destination, expected) in [
            ("/chat/events.joinChat", Some(EventType::Join)),
            ("/chat/events.leaveChat", Some(EventType::Leave)),
            ("/chat/events.startTyping", Some(EventType::StartTyping)),
            ("/chat/events.stopTyping", Some(EventType::StopTyping)),
            ("/chat/events.joinchat", None),
            ("/chat/events.joinChat/", None),
            ("chat/events.joinChat", None),
            ("/countries/4/events", None),
            ("", None),
        ] {
            assert_eq!(event_type(destination), expected, "{destination}");
        }
    }

    #[test]
    fn sources_have_one_spelling_each() {
        let (chat, user) = (ChatId::try_from(4).unwrap(), UserId::try_from(7).unwrap());
        let (unknown, bad_chat) = (
            Err(BadDestination::Unknown),
            Err(BadDestination::BadId("chatId")),
        );
        for (destination, expected) in [
            ("/countries/4/events", Ok(Source::Chat(chat))),
            ("/user/queue/errors", Ok(Source::OwnErrors)),
            ("/user/7/errors", Ok(Source::ErrorsOf(user))),
            ("/user/queue/session", Ok(Source::SessionNotices)),
            ("/countries/0/events", bad_chat),
            ("/countries/-4/events", bad_chat),
            ("/countries/04/events", bad_chat),
            ("/countries/x/events", bad_chat),
            ("/countries//events", bad_chat),
            ("/countries/9223372036854775808/events", bad_chat),
            ("/user/0/errors", Err(BadDestination::BadId("userId"))),
            ("/countries/4/5/events", unknown),
            ("/countries/4/events/", unknown),
            ("/countries/4", unknown),
            ("/countries/events", unknown),
            ("/user/7/session", unknown),
            ("/queue/a", unknown),
            ("", unknown),
        ] {
            assert_eq!(source(destination), expected, "{destination}");
        }
        assert_eq!(
            source(&ChatEvents(chat).to_string()),
            Ok(Source::Chat(chat))
        );
    }
}
