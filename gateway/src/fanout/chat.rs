//! One chat on this gateway: who is in the room, how far its chain is, who still waits to get in.
//!
//! ```text
//!   first subscriber ──▶ Opening ──head known──▶ Open ──last subscriber gone──▶ (dropped)
//!                           └──no such chat, or nobody to ask──▶ (dropped; all waiting are refused)
//! ```

use shared::envelope::Envelope;
use shared::error_code::ErrorCode;
use shared::event::ChatEvent;
use shared::id::ChatId;
use shared::query::{ChainedEvent, EventsPage, Reply};
use shared::trace;

use super::SubscriberId;
use super::heads::HeadAnswer;
use super::interest::Interest;
use super::joining::Joining;
use super::meters::Meters;
use super::room::Room;
use crate::chain::{Chain, Need};

/// Most events kept of a chat whose head is not known yet. Beyond it they are dropped and read from the history.
const EARLY_MAX: usize = 1_024;

/// What a shard knows of one chat.
pub(super) struct Chat {
    id: ChatId,
    room: Room,
    phase: Phase,
    /// Those who cannot be let in yet: all while the chat opens, later those who have seen more than it has.
    waiting: Vec<Joining>,
    /// Ends the NATS subscription when dropped.
    _interest: Interest,
    meters: Meters,
}

enum Phase {
    /// The head is being asked for; until then nobody knows where live events begin.
    Opening { early: Vec<Envelope>, newest: i64 },
    /// Events flow.
    Open(Chain),
}

/// What the shard has to do after somebody asked to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// Ask for the head.
    AskForHead,
}

impl Chat {
    /// A chat that somebody is interested in and whose head was asked for.
    pub(super) fn opening(id: ChatId, interest: Interest, first: Joining, meters: Meters) -> Self {
        let phase = Phase::Opening {
            early: Vec::new(),
            newest: 0,
        };
        Self {
            id,
            room: Room::default(),
            phase,
            waiting: vec![first],
            _interest: interest,
            meters,
        }
    }

    /// Whether nobody is in the room or waits for it, so that it can be dropped.
    pub(super) fn is_abandoned(&self) -> bool {
        self.waiting.is_empty() && self.room.is_empty()
    }

    /// Somebody wants to be let in.
    pub(super) fn join(&mut self, joining: Joining) -> Then {
        match &self.phase {
            Phase::Opening { .. } => {
                self.waiting.push(joining);
                Then::Nothing
            }
            Phase::Open(chain) if joining.is_ahead_of(chain.last()) => {
                // It saw events elsewhere that have not come here yet, or never existed: the head tells.
                self.waiting.push(joining);
                Then::AskForHead
            }
            Phase::Open(chain) => {
                self.room.admit(self.id, chain.last(), joining);
                Then::Nothing
            }
        }
    }

    /// Somebody leaves, or gives up waiting.
    pub(super) fn leave(&mut self, id: SubscriberId) {
        self.waiting.retain(|joining| joining.subscriber.id != id);
        self.room.remove(id);
    }

    /// The answer about the head came.
    pub(super) fn on_head(&mut self, answer: HeadAnswer) -> Need {
        match (&mut self.phase, answer) {
            (Phase::Opening { early, newest }, Ok(head)) => {
                let (early, newest) = (std::mem::take(early), *newest);
                self.phase = Phase::Open(Chain::new(head));
                self.let_in(head);
                first(self.on_events(early), self.on_told_head(newest))
            }
            (Phase::Open(_), Ok(head)) => {
                let need = self.on_told_head(head);
                self.let_in(head);
                need
            }
            (_, Err(code)) => {
                self.refuse(code);
                Need::Nothing
            }
        }
    }

    /// Somebody who knows says that `head` was published.
    pub(super) fn on_told_head(&mut self, head: i64) -> Need {
        match &mut self.phase {
            Phase::Open(chain) => chain.on_head(head),
            Phase::Opening { .. } => Need::Nothing,
        }
    }

    /// Live events came.
    pub(super) fn on_events(&mut self, events: Vec<Envelope>) -> Need {
        match &mut self.phase {
            Phase::Opening { early, newest } => {
                for event in events {
                    *newest = event.id.get().max(*newest);
                    if early.len() == EARLY_MAX {
                        early.clear();
                    }
                    early.push(event);
                }
                Need::Nothing
            }
            Phase::Open(chain) => {
                let mut ready = Vec::new();
                let events = events.into_iter();
                let needs = events.map(|event| chain.on_event(event, &mut ready));
                let need = needs.fold(Need::Nothing, first);
                self.deliver(ready);
                need
            }
        }
    }

    /// The page of history that the chain asked for came.
    pub(super) fn on_page(&mut self, page: Reply<EventsPage>) -> Need {
        let Phase::Open(chain) = &mut self.phase else {
            return Need::Nothing;
        };
        let Ok(page) = page else {
            return chain.on_page_failed();
        };
        let events = page.events.iter().map(ChainedEvent::to_envelope).collect();
        let mut ready = Vec::new();
        let need = chain.on_page(events, page.more, &mut ready);
        self.deliver(ready);
        need
    }

    fn deliver(&mut self, events: Vec<Envelope>) {
        if events.is_empty() {
            return;
        }
        let traced = events.iter().filter_map(|event| {
            let traceparent = event.traceparent.as_deref()?;
            let span = tracing::info_span!("deliver", chat.id = %self.id, event.id = %event.id);
            trace::continue_from(&span, traceparent);
            Some(span)
        });
        let traced: Vec<_> = traced.collect();
        // Once per event, whatever the number of subscribers.
        let known = events.into_iter().map(|event| {
            let known = serde_json::from_slice::<ChatEvent>(&event.body).ok();
            if let Some(known) = &known {
                self.meters.age(known);
            }
            (event, known.map(|known| known.author_id))
        });
        let delivered = self.room.deliver(self.id, known.collect(), &self.meters);
        self.meters.deliveries(delivered);
        drop(traced);
        if !self.waiting.is_empty() {
            self.let_in(i64::MAX);
        }
    }

    /// Lets in those whom the chain has caught up with, and those who claim to have seen what never was: more
    /// than `head`.
    fn let_in(&mut self, head: i64) {
        let Phase::Open(chain) = &self.phase else {
            return;
        };
        let last = chain.last();
        let (waiting, ready): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|joining| joining.is_ahead_of(last) && !joining.is_ahead_of(head));
        self.waiting = waiting;
        for joining in ready {
            self.room.admit(self.id, last, joining);
        }
    }

    fn refuse(&mut self, code: ErrorCode) {
        for joining in self.waiting.drain(..) {
            joining.subscriber.refuse(self.id, code);
        }
    }
}

/// The first of two needs: a chain has at most one page under way.
fn first(one: Need, other: Need) -> Need {
    if one == Need::Nothing { other } else { one }
}
