//! Who may read, join and type in which chat: ruled here and nowhere else.
//!
//! The persister asks before it carries a command out, in the transaction that would, so that no two replicas and no
//! two racing commands can get past a limit. A gateway asks before it shows a chat's events to somebody. Both use
//! [`POLICY`]: whoever wants other rules implements [`Policy`], names the new one there and builds both daemons.
//!
//! | chat | read its events and members | JOIN | START_TYPING, STOP_TYPING |
//! | --- | --- | --- | --- |
//! | GROUP | everybody | everybody | everybody |
//! | PRIVATE | its members | who has one of its two seats, or takes a free one | its members |
//!
//! **Seats.** A private chat is between two people. Whoever joins takes a seat and keeps it after LEAVE: they can come
//! back, and nobody else can slip in behind them and read what was said. Since every member has a seat and there are
//! [`SEATS_MAX`], there are never more members than that.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;

/// Most people that a private chat is ever between.
pub const SEATS_MAX: usize = 2;

/// The rules in force, in both daemons.
pub const POLICY: &dyn Policy = &ByChatType;

/// What kind of chat it is. It never changes: nobody's words become public later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum ChatType {
    /// For everybody, like the main chat of a country.
    #[default]
    Group,
    /// For its members, at most two of them.
    Private,
}

impl ChatType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Group, Self::Private];

    /// The name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Group => "GROUP",
            Self::Private => "PRIVATE",
        }
    }
}

impl fmt::Display for ChatType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text is no chat type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chat's type is GROUP or PRIVATE")]
pub struct NotAChatType;

impl FromStr for ChatType {
    type Err = NotAChatType;

    fn from_str(name: &str) -> Result<Self, NotAChatType> {
        let mut all = Self::ALL.into_iter();
        all.find(|known| known.name() == name).ok_or(NotAChatType)
    }
}

/// What somebody wants to do. LEAVE is not among them: whoever is a member may always go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// See its events, live and past, and who its members are.
    Read,
    /// Become a member; asked about those who are none.
    Join,
    /// Start or stop to type.
    Type,
}

/// How somebody stands to a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// To a GROUP chat. It may have millions of members, so nobody is looked up.
    Group,
    /// To a PRIVATE one.
    Private {
        /// Is a member.
        is_member: bool,
        /// Has a seat, or could take one. Looked up for [`Act::Join`] only.
        may_sit: bool,
    },
}

/// The rules: pure, so that asking again, on another replica or after a crash, brings the same answer.
pub trait Policy: fmt::Debug + Send + Sync {
    /// Whether somebody may do this in a chat that exists.
    ///
    /// # Errors
    /// What the client is told, [`ErrorCode::Forbidden`] as a rule.
    fn judge(&self, act: Act, standing: Standing) -> Result<(), ErrorCode>;
}

/// The rules of the table above.
#[derive(Debug, Clone, Copy)]
pub struct ByChatType;

impl Policy for ByChatType {
    fn judge(&self, act: Act, standing: Standing) -> Result<(), ErrorCode> {
        let allowed = match (standing, act) {
            (Standing::Group, _) => true,
            (Standing::Private { is_member, .. }, Act::Read | Act::Type) => is_member,
            (Standing::Private { may_sit, .. }, Act::Join) => may_sit,
        };
        if allowed {
            Ok(())
        } else {
            Err(ErrorCode::Forbidden)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_those_of_the_table() {
        let private = |is_member, may_sit| Standing::Private { is_member, may_sit };
        for (standing, read, join, r#type) in [
            (Standing::Group, true, true, true),
            (private(true, true), true, true, true),
            (private(false, true), false, true, false),
            (private(false, false), false, false, false),
        ] {
            for (act, allowed) in [(Act::Read, read), (Act::Join, join), (Act::Type, r#type)] {
                let judged = POLICY.judge(act, standing);
                assert_eq!(judged.is_ok(), allowed, "{act:?} {standing:?}");
                assert!(matches!(judged, Ok(()) | Err(ErrorCode::Forbidden)));
            }
        }
    }

    #[test]
    fn types_read_back_and_nothing_else_does() {
        for kind in ChatType::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        for text in ["", "group", "PUBLIC", "PRIVATE "] {
            assert_eq!(text.parse::<ChatType>(), Err(NotAChatType), "{text:?}");
        }
    }
}
