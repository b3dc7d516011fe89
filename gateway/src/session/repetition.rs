//! `START_TYPING` that says again what was said a moment ago: an option, off by default.
//!
//! Pages say it with every key. With an interval set, a session's repetition within it is answered like its
//! predecessor and goes no further, as long as nothing else was asked for in that chat in between. Only the last one
//! that was stored is remembered, since people type in one chat at a time. Another session of the same user may have
//! said `STOP_TYPING` meanwhile, or left the chat, which this one does not know: until the interval is over, its
//! repetitions get the RECEIPT of the one that was stored, and nothing else comes of them.

use std::time::{Duration, Instant};

use shared::event::EventType;

use super::send::Wish;

/// The last `START_TYPING` of a session that was stored.
#[derive(Debug, Default)]
pub(super) struct Repetition {
    started: Option<(Wish, Instant)>,
}

impl Repetition {
    /// A command that nothing unanswered precedes in its chat has come. Whether it says nothing new.
    pub(super) fn repeats(&self, wish: Wish, interval: Duration, now: Instant) -> bool {
        self.started.is_some_and(|(started, at)| {
            wish == started && now.saturating_duration_since(at) < interval
        })
    }

    /// A command was stored.
    pub(super) fn stored(&mut self, wish: Wish, now: Instant) {
        let same = |started: Wish| (started.author, started.chat) == (wish.author, wish.chat);
        if wish.kind == EventType::StartTyping {
            self.started = Some((wish, now));
        } else if self.started.is_some_and(|(started, _)| same(started)) {
            self.started = None;
        }
    }
}
