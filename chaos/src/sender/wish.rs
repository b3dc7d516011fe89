//! A command that a sender wants to see carried out, and what one attempt at that may come to.

use shared::error_code::ErrorCode;
use shared::event::EventType;

use crate::evidence::{Fate, Moment};

/// A command on its way.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// Its idempotency-key.
    pub(super) key: String,
    pub(super) chat: i64,
    pub(super) kind: EventType,
    /// Before it is sent for the first time.
    pub(super) begun: Moment,
}

/// What came of sending a command once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// There was nobody to send it to.
    NotSent,
    /// It may have arrived; no answer came.
    None,
    /// RECEIPT.
    Receipt,
    /// An error.
    Refused(ErrorCode),
}

impl Wish {
    /// Where it is sent to.
    pub(super) const fn destination(&self) -> &'static str {
        match self.kind {
            EventType::Join => "/chat/events.joinChat",
            EventType::Leave => "/chat/events.leaveChat",
            EventType::StartTyping => "/chat/events.startTyping",
            EventType::StopTyping => "/chat/events.stopTyping",
        }
    }
}

impl Answer {
    /// What it says about the command's fate; `sent`: the command may have arrived before.
    pub(super) fn fate(self, sent: bool) -> Option<Fate> {
        match self {
            Self::Receipt => Some(Fate::Receipt),
            Self::NotSent | Self::None | Self::Refused(ErrorCode::OutcomeUnknown) => None,
            // True of this repetition only.
            Self::Refused(code) if sent && is_about_now(code) => None,
            Self::Refused(code) => Some(Fate::Refused(code)),
        }
    }
}

/// Whether a refusal says that the command was not even taken, so that a repetition may get anything.
pub(super) const fn is_about_now(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Unavailable | ErrorCode::RateLimited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unavailable_settles_the_first_attempt_and_no_repetition() {
        let unavailable = Answer::Refused(ErrorCode::Unavailable);
        let fate = Fate::Refused(ErrorCode::Unavailable);
        assert_eq!(unavailable.fate(false), Some(fate));
        assert_eq!(unavailable.fate(true), None);
    }

    #[test]
    fn outcomes_settle_any_attempt_and_silence_none() {
        let refused = Answer::Refused(ErrorCode::AlreadyJoined);
        for sent in [false, true] {
            assert_eq!(Answer::Receipt.fate(sent), Some(Fate::Receipt));
            let fate = Fate::Refused(ErrorCode::AlreadyJoined);
            assert_eq!(refused.fate(sent), Some(fate));
            assert_eq!(Answer::None.fate(sent), None);
            let unknown = Answer::Refused(ErrorCode::OutcomeUnknown);
            assert_eq!(unknown.fate(sent), None);
        }
    }
}
