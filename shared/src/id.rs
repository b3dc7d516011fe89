//! Identifiers as types of their own, so that a user id is never taken for a chat id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a number is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a positive 64-bit integer")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name(i64);

        impl $name {
            /// The number itself, at least 1.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = NotAnId;

            fn try_from(value: i64) -> Result<Self, NotAnId> {
                if value > 0 { Ok(Self(value)) } else { Err(NotAnId) }
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        /// Accepts what [`fmt::Display`] prints: decimal digits, no sign, no leading zero.
        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
                let number = if canonical { text.parse::<i64>().ok() } else { None };
                number.ok_or(NotAnId)?.try_into()
            }
        }
    };
}

id! {
    /// A traveller.
    UserId
}
id! {
    /// A chat room; it belongs to one country.
    ChatId
}
id! {
    /// A stored event. Grows along a chat; has holes; says nothing across chats.
    EventId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_positive_decimals_parse() {
        for good in ["1", "42", "9223372036854775807"] {
            assert_eq!(good.parse::<ChatId>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "0",
            "01",
            "-1",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "x",
            "9223372036854775808",
            "٣",
        ] {
            assert_eq!(bad.parse::<ChatId>(), Err(NotAnId), "{bad:?}");
        }
    }

    #[test]
    fn json_is_a_bare_number() {
        assert_eq!(serde_json::to_string(&UserId(7)).unwrap(), "7");
        assert!(serde_json::from_str::<UserId>("0").is_err());
    }
}
