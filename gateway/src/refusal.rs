//! What a sender is told when a SEND or SUBSCRIBE cannot be carried out (contract section 5).
//!
//! A refusal says what and why; where it is delivered, and beside which headers, is the session's business. It
//! never ends a session: see [`crate::stomp::error::Violation`] for what does.

use std::time::Duration;

use serde::Serialize;
use shared::clock::Timestamp;
use shared::error_code::ErrorCode;
use shared::id::{ChatId, EventId, UserId};

/// When to try again after [`ErrorCode::TooManySubscriptions`]: time enough to end one.
const SUBSCRIBE_RETRY_AFTER_MS: u64 = 1_000;

/// When to try again after [`ErrorCode::RateLimited`], where nothing better is known.
const RATE_RETRY_AFTER_MS: u64 = 1_000;

/// Why something was not done, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one sentence.
    pub message: String,
    /// When it may succeed, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// With [`ErrorCode::HistoryGone`]: the oldest event that could be resumed from.
    pub oldest_event_id: Option<EventId>,
}

impl Refusal {
    /// A refusal that has no more to say than this.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after_ms: None,
            oldest_event_id: None,
        }
    }

    /// A body that cannot be read.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::MalformedPayload, message)
    }

    /// A field, of body, header or destination, whose value cannot be.
    pub fn invalid_field(field: &str, rule: &str) -> Self {
        Self::new(ErrorCode::InvalidField, format!("Field {field} {rule}"))
    }

    /// A SEND to nowhere.
    pub fn nothing_can_be_sent_to(destination: &str) -> Self {
        let message = format!("Nothing can be sent to {destination}");
        Self::new(ErrorCode::UnknownDestination, message)
    }

    /// A SUBSCRIBE to nothing.
    pub fn nothing_to_subscribe_at(destination: &str) -> Self {
        let message = format!("There is nothing to subscribe to at {destination}");
        Self::new(ErrorCode::UnknownDestination, message)
    }

    /// One subscription more than a session may have.
    pub fn too_many_subscriptions(max: usize) -> Self {
        let message = format!("The session already has {max} subscriptions");
        Self {
            retry_after_ms: Some(SUBSCRIBE_RETRY_AFTER_MS),
            ..Self::new(ErrorCode::TooManySubscriptions, message)
        }
    }

    /// One frame more than the client may send in so short a time.
    pub fn rate_limited(retry_after: Duration) -> Self {
        let message = "Too many requests in a short time; it did not take effect";
        // Not a moment too early: a part of a millisecond is one more.
        let millis = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
        Self {
            retry_after_ms: Some(millis.saturating_add(1)),
            ..Self::new(ErrorCode::RateLimited, message)
        }
    }

    /// The history no longer reaches back to the event to resume from; live events go on all the same.
    pub fn history_gone(chat: ChatId, oldest: Option<EventId>) -> Self {
        let message = format!("The history of chat {chat} no longer reaches back that far");
        Self {
            oldest_event_id: oldest,
            ..Self::new(ErrorCode::HistoryGone, message)
        }
    }

    /// The end of a subscription whose user is a member no longer.
    pub fn no_longer_a_member(chat: ChatId) -> Self {
        let message = format!(
            "Chat {chat} is for its members only, and the subscription has ended with the membership"
        );
        Self::new(ErrorCode::Forbidden, message)
    }

    /// A command that came to nothing.
    pub fn for_outcome(code: ErrorCode, author: UserId, chat: ChatId) -> Self {
        let message = match code {
            ErrorCode::AlreadyJoined => format!("User {author} has already joined chat {chat}"),
            ErrorCode::NotJoined => format!("User {author} is not a member of chat {chat}"),
            ErrorCode::AuthorMismatch => format!("The session does not belong to user {author}"),
            ErrorCode::Forbidden => format!("User {author} may not do this in chat {chat}"),
            ErrorCode::Unavailable => {
                "The service cannot take this at the moment; it did not take effect".to_owned()
            }
            ErrorCode::OutcomeUnknown => {
                "No answer came in time; it may yet take effect, so repeat it with the same idempotency-key".to_owned()
            }
            ErrorCode::Expired => "This waited too long for an outage to end; it did not take effect".to_owned(),
            _ => general_message(code, chat),
        };
        let retry_after_ms = (code == ErrorCode::RateLimited).then_some(RATE_RETRY_AFTER_MS);
        Self {
            retry_after_ms,
            ..Self::new(code, message)
        }
    }

    /// A SUBSCRIBE to a chat that came to nothing.
    pub fn for_subscription(code: ErrorCode, chat: ChatId) -> Self {
        let message = match code {
            ErrorCode::Unavailable => format!("Chat {chat} cannot be subscribed to at the moment"),
            ErrorCode::Forbidden => format!("Chat {chat} is for its members only"),
            _ => general_message(code, chat),
        };
        Self::new(code, message)
    }

    /// The body of the error message, keys in the order of the contract, without those that are not known.
    pub fn body(&self, about: About<'_>, now: Timestamp) -> String {
        let body = Body {
            code: self.code,
            message: &self.message,
            http_status: self.code.status_name(),
            retryable: self.code.retryable(),
            timestamp: now.to_string(),
            destination: about.destination,
            chat_id: about.chat,
            author_id: about.author,
            retry_after_ms: self.retry_after_ms,
            oldest_event_id: self.oldest_event_id,
        };
        serde_json::to_string(&body).expect("a refusal is plain data and always serialises")
    }
}

/// Where the message is the same for SEND and SUBSCRIBE.
fn general_message(code: ErrorCode, chat: ChatId) -> String {
    match code {
        ErrorCode::ChatNotFound => format!("Chat {chat} does not exist"),
        ErrorCode::HistoryGone => {
            format!("The history of chat {chat} no longer reaches back that far")
        }
        ErrorCode::MalformedPayload => "The body could not be read".to_owned(),
        ErrorCode::InvalidField => "A field has a value that cannot be".to_owned(),
        ErrorCode::UnknownDestination => "There is no such destination".to_owned(),
        ErrorCode::Unauthorized => "There is no valid token".to_owned(),
        ErrorCode::RateLimited => "Too many requests in a short time".to_owned(),
        ErrorCode::TooManySubscriptions => "The session has too many subscriptions".to_owned(),
        other => format!("Refused for chat {chat}, {}", other.name()),
    }
}

/// What of the refused frame is known.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Where it went.
    pub destination: &'a str,
    /// About which chat.
    pub chat: Option<ChatId>,
    /// In whose name.
    pub author: Option<UserId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    code: ErrorCode,
    message: &'a str,
    http_status: &'a str,
    retryable: bool,
    timestamp: String,
    destination: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_id: Option<ChatId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_event_id: Option<EventId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-08-16T17:26:57.660207Z
    const TIME: Timestamp = Timestamp::from_micros(1_723_829_217_660_207);

    fn ids() -> (UserId, ChatId) {
        (UserId::try_from(1).unwrap(), ChatId::try_from(4).unwrap())
    }

    #[test]
    fn the_body_is_the_contract_to_the_byte() {
        let (author, chat) = ids();
        let about = About {
            destination: "/chat/events.joinChat",
            chat: Some(chat),
            author: Some(author),
        };
        assert_eq!(
            Refusal::for_outcome(ErrorCode::AlreadyJoined, author, chat).body(about, TIME),
            r#"{"code":"ALREADY_JOINED","message":"User 1 has already joined chat 4","httpStatus":"CONFLICT","retryable":false,"timestamp":"2024-08-16T17:26:57.660207Z","destination":"/chat/events.joinChat","chatId":4,"authorId":1}"#
        );
    }

    #[test]
    fn what_is_not_known_is_left_out_and_hints_come_last() {
        let about = About {
            destination: "/countries/4/events",
            chat: None,
            author: None,
        };
        let (_, chat) = ids();
        let oldest = EventId::try_from(9).unwrap();
        for (refusal, end) in [
            (
                Refusal::malformed("x"),
                r#""destination":"/countries/4/events"}"#,
            ),
            (
                Refusal::too_many_subscriptions(100),
                r#""retryAfterMs":1000}"#,
            ),
            (
                Refusal::history_gone(chat, Some(oldest)),
                r#""oldestEventId":9}"#,
            ),
        ] {
            let body = refusal.body(about, TIME);
            assert!(body.ends_with(end), "{body}");
        }
    }

    #[test]
    fn every_code_has_a_sentence_of_its_own() {
        let (author, chat) = ids();
        for code in ErrorCode::ALL {
            for refusal in [
                Refusal::for_outcome(*code, author, chat),
                Refusal::for_subscription(*code, chat),
            ] {
                assert_eq!(refusal.code, *code);
                assert!(refusal.message.contains(' '), "{refusal:?}");
            }
        }
    }
}
