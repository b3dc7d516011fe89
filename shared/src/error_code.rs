//! The codes of contract section 5: what a sender is told when something could not be done.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $status:literal, $http:literal, $retryable:literal;)*) => {
        /// Why something could not be done, with one meaning each for people, clients and programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl ErrorCode {
            /// All of them, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The `code` on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The `httpStatus` on the wire, by name.
            pub const fn status_name(self) -> &'static str {
                match self { $(Self::$variant => $http),* }
            }

            /// The same status as a number.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }

            /// Whether the same request may succeed later.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable),* }
            }

            /// The number in the database. Never reused.
            pub const fn number(self) -> i16 {
                match self { $(Self::$variant => $number),* }
            }

            /// The code behind a number from the database.
            pub fn from_number(number: i16) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.number() == number)
            }
        }
    };
}

error_codes! {
    /// Not JSON, not an object, or a field of the wrong type.
    MalformedPayload = 1, "MALFORMED_PAYLOAD", 400, "BAD_REQUEST", false;
    /// A field is missing, zero, negative or too large.
    InvalidField = 2, "INVALID_FIELD", 400, "BAD_REQUEST", false;
    /// Nothing can be sent or subscribed there.
    UnknownDestination = 3, "UNKNOWN_DESTINATION", 404, "NOT_FOUND", false;
    /// No such chat.
    ChatNotFound = 4, "CHAT_NOT_FOUND", 404, "NOT_FOUND", false;
    /// JOIN by a member.
    AlreadyJoined = 5, "ALREADY_JOINED", 409, "CONFLICT", false;
    /// LEAVE by somebody who is no member.
    NotJoined = 6, "NOT_JOINED", 409, "CONFLICT", false;
    /// No valid token.
    Unauthorized = 7, "UNAUTHORIZED", 401, "UNAUTHORIZED", false;
    /// The author is not the token's user.
    AuthorMismatch = 8, "AUTHOR_MISMATCH", 403, "FORBIDDEN", false;
    /// Not for this user.
    Forbidden = 9, "FORBIDDEN", 403, "FORBIDDEN", false;
    /// Too many commands in a short time.
    RateLimited = 10, "RATE_LIMITED", 429, "TOO_MANY_REQUESTS", true;
    /// The session has as many subscriptions as it may.
    TooManySubscriptions = 11, "TOO_MANY_SUBSCRIPTIONS", 429, "TOO_MANY_REQUESTS", true;
    /// NATS or the database cannot take it; it did not take effect.
    Unavailable = 12, "UNAVAILABLE", 503, "SERVICE_UNAVAILABLE", true;
    /// No answer in time; it may yet take effect.
    OutcomeUnknown = 13, "OUTCOME_UNKNOWN", 504, "GATEWAY_TIMEOUT", true;
    /// A typing command that waited too long for an outage to end; it did not take effect.
    Expired = 14, "EXPIRED", 504, "GATEWAY_TIMEOUT", false;
    /// The events to resume from are no longer kept.
    HistoryGone = 15, "HISTORY_GONE", 410, "GONE", false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_name_and_numbers_are_unique() {
        for (index, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(
                serde_json::to_string(code).unwrap(),
                format!("\"{}\"", code.name())
            );
            assert_eq!(
                ErrorCode::from_number(code.number()),
                Some(*code),
                "row {index}"
            );
        }
    }
}
