//! One chat's events in order, each once: the pure part of the fan-out.
//!
//! Every event names its predecessor. As long as each one follows the last delivered, it goes out at once. One
//! that does not follow shows that something was missed; then live events are held back while pages of the
//! history, read from the persisters, close the chain.
//!
//! ```text
//!            event follows last → deliver            page brings the missing events → deliver
//!          ┌──────┐                                ┌──────┐
//!          ▼      │   event leaves a gap, or       ▼      │
//!        Live ────┘   a head is ahead of last    Repairing ┘
//!          │ ───────────────────────────────────▶ │
//!          │ ◀─────────────────────────────────── │
//!                 history ends and the held events follow
//! ```

use std::collections::VecDeque;

use shared::envelope::Envelope;

/// Most events held back during a repair. Beyond it the held ones are dropped and read from the history.
pub const HELD_MAX: usize = 1_024;

/// What the chain needs from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// The page of history after this event; give it to [`Chain::on_page`].
    Page {
        /// Id of the last event delivered.
        after: i64,
        /// The history was read and did not close the gap: wait before reading it again.
        again: bool,
    },
}

/// The state of one chat's chain on this gateway.
#[derive(Debug)]
pub struct Chain {
    /// Id of the last event delivered, 0 before the first.
    last: i64,
    repair: Option<Repair>,
}

#[derive(Debug, Default)]
struct Repair {
    held: VecDeque<Envelope>,
    /// Newest event known to exist; the repair is not over before it is delivered.
    newest: i64,
}

impl Chain {
    /// A chain whose newest event is `head`; delivery begins with the one after it.
    pub fn new(head: i64) -> Self {
        Self {
            last: head,
            repair: None,
        }
    }

    /// Id of the last event delivered.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// A live event came. What can be delivered now is appended to `ready`.
    pub fn on_event(&mut self, event: Envelope, ready: &mut Vec<Envelope>) -> Need {
        if event.id.get() <= self.last {
            return Need::Nothing;
        }
        match &mut self.repair {
            None if event.previous_id == self.last => {
                self.last = event.id.get();
                ready.push(event);
                Need::Nothing
            }
            None => {
                self.repair = Some(Repair {
                    newest: event.id.get(),
                    held: VecDeque::from([event]),
                });
                Need::Page {
                    after: self.last,
                    again: false,
                }
            }
            Some(repair) => {
                repair.newest = repair.newest.max(event.id.get());
                if repair.held.len() == HELD_MAX {
                    repair.held.clear();
                }
                repair.held.push_back(event);
                Need::Nothing
            }
        }
    }

    /// Somebody who knows says that `head` is the chat's newest event and was published.
    pub fn on_head(&mut self, head: i64) -> Need {
        if head <= self.last {
            return Need::Nothing;
        }
        if let Some(repair) = &mut self.repair {
            repair.newest = repair.newest.max(head);
            return Need::Nothing;
        }
        self.repair = Some(Repair {
            newest: head,
            held: VecDeque::new(),
        });
        Need::Page {
            after: self.last,
            again: false,
        }
    }

    /// The page asked for arrived; `more` says that the history goes on after it.
    pub fn on_page(&mut self, page: Vec<Envelope>, more: bool, ready: &mut Vec<Envelope>) -> Need {
        let Some(mut repair) = self.repair.take() else {
            return Need::Nothing;
        };
        let before = self.last;
        // The history is the truth: what it says comes next does, even where retention cut the chain.
        for event in page {
            self.deliver_if_new(event, ready);
        }
        if !more {
            while let Some(event) = repair.held.pop_front() {
                if event.id.get() > self.last && event.previous_id != self.last {
                    repair.held.push_front(event);
                    break;
                }
                self.deliver_if_new(event, ready);
            }
        }
        if self.last >= repair.newest && repair.held.is_empty() {
            return Need::Nothing;
        }
        self.repair = Some(repair);
        Need::Page {
            after: self.last,
            again: self.last == before,
        }
    }

    /// The page asked for could not be had.
    pub fn on_page_failed(&self) -> Need {
        match self.repair {
            Some(_) => Need::Page {
                after: self.last,
                again: true,
            },
            None => Need::Nothing,
        }
    }

    fn deliver_if_new(&mut self, event: Envelope, ready: &mut Vec<Envelope>) {
        if event.id.get() > self.last {
            self.last = event.id.get();
            ready.push(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::event::EventType;

    use super::*;

    fn event(id: i64, previous_id: i64) -> Envelope {
        let body = bytes::Bytes::new();
        Envelope {
            id: id.try_into().unwrap(),
            previous_id,
            kind: EventType::Join,
            traceparent: None,
            body,
        }
    }

    fn ids(events: &[Envelope]) -> Vec<i64> {
        events.iter().map(|event| event.id.get()).collect()
    }

    #[test]
    fn events_that_follow_go_out_at_once_and_repetitions_do_not() {
        let (mut chain, mut ready) = (Chain::new(7), Vec::new());
        for (id, previous) in [(9, 7), (9, 7), (7, 3), (12, 9)] {
            assert_eq!(
                chain.on_event(event(id, previous), &mut ready),
                Need::Nothing
            );
        }
        assert_eq!(ids(&ready), [9, 12]);
    }

    #[test]
    fn a_gap_is_filled_before_what_came_after_it() {
        let (mut chain, mut ready) = (Chain::new(7), Vec::new());
        assert_eq!(
            chain.on_event(event(12, 9), &mut ready),
            Need::Page {
                after: 7,
                again: false
            }
        );
        assert_eq!(chain.on_event(event(13, 12), &mut ready), Need::Nothing);
        assert!(ready.is_empty());
        assert_eq!(
            chain.on_page(vec![event(9, 7)], false, &mut ready),
            Need::Nothing
        );
        assert_eq!(ids(&ready), [9, 12, 13]);
        assert_eq!(chain.on_event(event(14, 13), &mut ready), Need::Nothing);
        assert_eq!(ids(&ready), [9, 12, 13, 14]);
    }

    #[test]
    fn a_history_that_lags_behind_is_asked_again() {
        let (mut chain, mut ready) = (Chain::new(7), Vec::new());
        chain.on_event(event(12, 9), &mut ready);
        assert_eq!(
            chain.on_page(vec![], false, &mut ready),
            Need::Page {
                after: 7,
                again: true
            }
        );
        assert_eq!(
            chain.on_page_failed(),
            Need::Page {
                after: 7,
                again: true
            }
        );
        assert_eq!(
            chain.on_page(vec![event(9, 7), event(12, 9)], false, &mut ready),
            Need::Nothing
        );
        assert_eq!(ids(&ready), [9, 12]);
    }

    #[test]
    fn a_head_that_was_never_seen_starts_a_repair() {
        let (mut chain, mut ready) = (Chain::new(7), Vec::new());
        assert_eq!(chain.on_head(7), Need::Nothing);
        assert_eq!(
            chain.on_head(9),
            Need::Page {
                after: 7,
                again: false
            }
        );
        assert_eq!(
            chain.on_page(vec![event(9, 7)], false, &mut ready),
            Need::Nothing
        );
        assert_eq!(ids(&ready), [9]);
    }

    proptest! {
        /// Whatever is lost, repeated or delayed on the way, subscribers see every event once and in order.
        #[test]
        fn the_chain_always_closes(
            gaps in prop::collection::vec(1..5_i64, 1..60),
            fates in prop::collection::vec(0..4_u8, 60),
            page_size in 1..7_usize,
        ) {
            let mut history = Vec::new();
            let mut previous = 0;
            for gap in gaps {
                history.push(event(previous + gap, previous));
                previous += gap;
            }
            let (mut chain, mut ready) = (Chain::new(0), Vec::new());
            let page = |after: i64| {
                let rest: Vec<_> = history.iter().filter(|event| event.id.get() > after).cloned().collect();
                let more = rest.len() > page_size;
                (rest.into_iter().take(page_size).collect::<Vec<_>>(), more)
            };
            let mut wanted = None;
            for (event, fate) in history.iter().zip(fates) {
                for _ in 0..fate.min(2) {
                    if let Need::Page { after, .. } = chain.on_event(event.clone(), &mut ready) {
                        wanted = Some(after);
                    }
                }
                // Some pages arrive late, while live events go on.
                if fate == 3 && let Some(after) = wanted.take() {
                    let (events, more) = page(after);
                    if let Need::Page { after, .. } = chain.on_page(events, more, &mut ready) {
                        wanted = Some(after);
                    }
                }
            }
            if let Need::Page { after, .. } = chain.on_head(previous) {
                wanted = Some(after);
            }
            while let Some(after) = wanted.take() {
                let (events, more) = page(after);
                if let Need::Page { after, .. } = chain.on_page(events, more, &mut ready) {
                    wanted = Some(after);
                }
            }
            prop_assert_eq!(ids(&ready), ids(&history));
        }
    }
}
