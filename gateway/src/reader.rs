//! In whose name a chat's events are asked for.

use std::sync::Arc;

use shared::id::UserId;

/// Whoever stands behind a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// The user that the session's token speaks of.
    Proven(UserId),
    /// In open mode, which believes every client: the authors in whose name the session has sent something lately.
    /// Whoever has sent nothing is nobody.
    Named(Arc<[UserId]>),
}

impl Reader {
    /// Whether the reader is one of these users.
    pub fn is_among(&self, users: &[UserId]) -> bool {
        match self {
            Self::Proven(user) => users.contains(user),
            Self::Named(named) => named.iter().any(|user| users.contains(user)),
        }
    }
}
