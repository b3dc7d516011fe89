//! A stored event as clients see it (contract section 4), to the byte.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::clock::Timestamp;
use crate::id::{ChatId, EventId, UserId};

/// The four things that happen in a chat. A command asks for one of them, an event says that it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventType {
    /// The author becomes a member of the chat.
    Join,
    /// The author's membership ends.
    Leave,
    /// The author started to type.
    StartTyping,
    /// The author stopped typing.
    StopTyping,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Join, Self::Leave, Self::StartTyping, Self::StopTyping];

    /// The name on every wire: JSON, subjects, envelopes, metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Join => "JOIN",
            Self::Leave => "LEAVE",
            Self::StartTyping => "START_TYPING",
            Self::StopTyping => "STOP_TYPING",
        }
    }

    /// The number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Join => 1,
            Self::Leave => 2,
            Self::StartTyping => 3,
            Self::StopTyping => 4,
        }
    }

    /// The type behind a number from the database.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether it is about typing: short-lived, and the first to be shed under pressure.
    pub const fn is_typing(self) -> bool {
        matches!(self, Self::StartTyping | Self::StopTyping)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EventType {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(())
    }
}

/// What subscribers of a chat receive. Field order is the key order on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatEvent {
    /// Grows along the chat.
    pub id: EventId,
    /// Who did it.
    pub author_id: UserId,
    /// Where.
    pub chat_id: ChatId,
    /// What.
    pub event_type: EventType,
    /// When: UTC, without zone, the trailing zeros of the fraction cut.
    #[serde(
        serialize_with = "write_event_time",
        deserialize_with = "read_event_time"
    )]
    #[cfg_attr(feature = "openapi", schema(
        value_type = String,
        pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?$",
        examples("2024-08-11T08:50:59.607196", "2024-08-11T08:55:05.42974"),
    ))]
    pub event_time: Timestamp,
}

/// ISO-8601 local date-time in UTC without zone: seconds always, microseconds with the trailing zeros of the
/// fraction cut, no fraction when it is zero (`2024-08-11T08:55:05.42974`).
pub fn format_event_time(time: Timestamp) -> String {
    // By documentation the same as %Y-%m-%dT%H:%M:%S%.f, without reading such a description for each event.
    let text = format!("{:?}", time.to_utc().naive_utc());
    if text.contains('.') {
        text.trim_end_matches('0').to_owned()
    } else {
        text
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn write_event_time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_event_time(*time))
}

fn read_event_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time: NaiveDateTime = text.parse().map_err(de::Error::custom)?;
    Ok(Timestamp::from_micros(time.and_utc().timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2024-08-11T08:50:00Z
    const MINUTE: i64 = 1_723_366_200_000_000;

    #[test]
    fn event_time_cuts_trailing_zeros_of_the_fraction_only() {
        for (micros, expected) in [
            (59_607_196, "2024-08-11T08:50:59.607196"),
            (5_429_740, "2024-08-11T08:50:05.42974"),
            (500_000, "2024-08-11T08:50:00.5"),
            (1, "2024-08-11T08:50:00.000001"),
            (0, "2024-08-11T08:50:00"),
            (10_000_000, "2024-08-11T08:50:10"),
        ] {
            assert_eq!(
                format_event_time(Timestamp::from_micros(MINUTE + micros)),
                expected
            );
        }
    }

    #[test]
    fn json_is_the_contract_to_the_byte() {
        let event = ChatEvent {
            id: EventId::try_from(37).unwrap(),
            author_id: UserId::try_from(1).unwrap(),
            chat_id: ChatId::try_from(4).unwrap(),
            event_type: EventType::Join,
            event_time: Timestamp::from_micros(MINUTE + 59_607_196),
        };
        let json = r#"{"id":37,"authorId":1,"chatId":4,"eventType":"JOIN","eventTime":"2024-08-11T08:50:59.607196"}"#;
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        assert_eq!(serde_json::from_str::<ChatEvent>(json).unwrap(), event);
    }

    #[test]
    fn names_and_codes_round_trip() {
        for kind in EventType::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(EventType::from_code(kind.code()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }

    proptest! {
        #[test]
        fn any_event_time_reads_back(micros in 0..4_000_000_000_000_000_i64) {
            let time = Timestamp::from_micros(micros);
            let text = serde_json::to_string(&format_event_time(time)).unwrap();
            let mut reader = serde_json::Deserializer::from_str(&text);
            prop_assert_eq!(read_event_time(&mut reader).unwrap(), time);
        }
    }
}
