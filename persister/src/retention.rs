//! For how long events are kept, by what they are about. What is pruned is pruned of the database; the event
//! streams have bounds of their own, and shorter ones.
//!
//! Pruning never makes a history look whole that is not: each chat remembers the largest id of its pruned
//! events, and who resumes from before it is told that the history is gone ([`crate::queries`]).

use std::str::FromStr;
use std::time::Duration;

use shared::event::EventType;

/// For how long a command's name is remembered, by its event or its rejection: a repetition within this time gets
/// the first outcome (contract section 3). Events are kept at least as long.
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_hours(24);

/// Events that are kept for the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// START_TYPING and STOP_TYPING.
    Typing,
    /// JOIN and LEAVE.
    Membership,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Typing, Self::Membership];

    /// The class of a type.
    pub const fn of(kind: EventType) -> Self {
        if kind.is_typing() {
            Self::Typing
        } else {
            Self::Membership
        }
    }

    /// Its number in the database.
    pub const fn number(self) -> i16 {
        match self {
            Self::Typing => 1,
            Self::Membership => 2,
        }
    }

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Typing => "typing",
            Self::Membership => "membership",
        }
    }
}

/// How long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Until somebody decides otherwise.
    Forever,
    /// This long.
    For(Duration),
}

impl Keep {
    /// Whether a repetition within the window still finds what it repeats.
    pub fn covers_idempotency_window(self) -> bool {
        match self {
            Self::Forever => true,
            Self::For(time) => time >= IDEMPOTENCY_WINDOW,
        }
    }
}

/// `forever`, or a duration like `7d`.
impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "forever" => Ok(Self::Forever),
            text => shared::config::duration(text)
                .map(Self::For)
                .map_err(|error| format!("{error}, or `forever`")),
        }
    }
}

/// For how long each class of events is kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Of [`Class::Typing`].
    pub typing: Keep,
    /// Of [`Class::Membership`].
    pub membership: Keep,
}

impl Retention {
    /// How long a class is kept.
    pub fn of(self, class: Class) -> Keep {
        match class {
            Class::Typing => self.typing,
            Class::Membership => self.membership,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_kept_for_ever_or_for_a_time() {
        let week = Keep::For(Duration::from_hours(7 * 24));
        assert_eq!("forever".parse(), Ok(Keep::Forever));
        assert_eq!("7d".parse(), Ok(week));
        assert!("for ever".parse::<Keep>().is_err());
        for (text, fine) in [("forever", true), ("24h", true), ("23h", false)] {
            let keep: Keep = text.parse().unwrap();
            assert_eq!(keep.covers_idempotency_window(), fine, "{text}");
        }
    }
}
