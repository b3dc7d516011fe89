//! The body of a SEND: `{"authorId": 1, "chatId": 4}` (contract section 3).
//!
//! What cannot be read at all, or has a field of the wrong type, is `MALFORMED_PAYLOAD`; a field that is missing,
//! null or outside the range of ids is `INVALID_FIELD`. Of repeated keys the last counts, unknown ones do not.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use shared::error_code::ErrorCode;
use shared::id::{ChatId, UserId};

use super::send::BadSend;
use crate::refusal::Refusal;

const AUTHOR: &str = "authorId";
const CHAT: &str = "chatId";

/// Author and chat. With authentication, `user` is the token's: the author may be left out, but not be another.
pub(super) fn read(body: &[u8], user: Option<UserId>) -> Result<(UserId, ChatId), BadSend> {
    let (author, chat) = fields(body).map_err(|refusal| BadSend {
        refusal,
        author: user,
        chat: None,
    })?;
    check(author, chat, user).map_err(|refusal| BadSend {
        refusal,
        author: author.id().or(user),
        chat: chat.id(),
    })
}

fn fields(body: &[u8]) -> Result<(Field, Field), Refusal> {
    // Asked first: what is skipped while reading the JSON is not looked at closely.
    let text =
        std::str::from_utf8(body).map_err(|_| Refusal::malformed("The body is not UTF-8"))?;
    match serde_json::from_str(text) {
        Ok(Body::Object { author, chat }) => Ok((author, chat)),
        Ok(Body::Other) => Err(Refusal::malformed("The body is not a JSON object")),
        Err(_) => Err(Refusal::malformed("The body is not valid JSON")),
    }
}

fn check(author: Field, chat: Field, user: Option<UserId>) -> Result<(UserId, ChatId), Refusal> {
    // A wrong type anywhere goes before a wrong value: the body as a whole could not be read.
    for (name, field) in [(AUTHOR, author), (CHAT, chat)] {
        if field == Field::WrongType {
            let message = format!("Field {name} must be an integer");
            return Err(Refusal::malformed(message));
        }
    }
    let author = match (author, user) {
        (Field::Missing, Some(user)) => user,
        (author, _) => author.require(AUTHOR)?,
    };
    match user {
        Some(user) if user != author => {
            let message = format!("The session belongs to user {user}, not to user {author}");
            Err(Refusal::new(ErrorCode::AuthorMismatch, message))
        }
        _ => Ok((author, chat.require(CHAT)?)),
    }
}

/// What stands where an id should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// Nothing, or null.
    Missing,
    /// A number that may be an id.
    Integer(i64),
    /// A number beyond 64 bits.
    TooLarge,
    /// A fraction, or no number at all.
    WrongType,
}

impl Field {
    fn id<I: TryFrom<i64>>(self) -> Option<I> {
        match self {
            Self::Integer(number) => I::try_from(number).ok(),
            _ => None,
        }
    }

    fn require<I: TryFrom<i64>>(self, name: &str) -> Result<I, Refusal> {
        let rule = match self {
            Self::Missing => "is missing",
            Self::TooLarge => "is larger than 9223372036854775807",
            Self::Integer(_) | Self::WrongType => "must be a positive integer",
        };
        self.id().ok_or_else(|| Refusal::invalid_field(name, rule))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Field, E> {
        Ok(Field::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Field, E> {
        Ok(i64::try_from(number).map_or(Field::TooLarge, Field::Integer))
    }

    /// Integers that no integer type holds arrive here too.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Field, E> {
        /// 2^63, the first number beyond an id.
        const BEYOND: f64 = 9_223_372_036_854_775_808.0;
        Ok(if number >= BEYOND {
            Field::TooLarge
        } else if number < -BEYOND {
            Field::Integer(i64::MIN)
        } else {
            Field::WrongType
        })
    }

    fn visit_unit<E: Error>(self) -> Result<Field, E> {
        Ok(Field::Missing)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Field, E> {
        Ok(Field::WrongType)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Field, E> {
        Ok(Field::WrongType)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Field, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::WrongType)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Field, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::WrongType)
    }
}

enum Body {
    Object { author: Field, chat: Field },
    Other,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Body, A::Error> {
        let (mut author, mut chat) = (Field::Missing, Field::Missing);
        while let Some(key) = object.next_key::<String>()? {
            match key.as_str() {
                AUTHOR => author = object.next_value()?,
                CHAT => chat = object.next_value()?,
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Body::Object { author, chat })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Body, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Body::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Body, E> {
        Ok(Body::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Body, E> {
        Ok(Body::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Body, E> {
        Ok(Body::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Body, E> {
        Ok(Body::Other)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Body, E> {
        Ok(Body::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Body, E> {
        Ok(Body::Other)
    }
}

#[cfg(test)]
mod tests;
