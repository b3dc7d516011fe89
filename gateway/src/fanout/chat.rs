//! One chat on this gateway: who is in the room, how far its chain is, who still waits to get in.
//!
//! ```text
//!   first subscriber ──▶ Opening ──head known──▶ Open ──last subscriber gone──▶ (dropped)
//!                           └──no such chat, or nobody to ask──▶ (dropped; all waiting are refused)
//! ```
//!
//! Whom the events are for comes with the head and is kept up by the [`Guard`]. Whoever it does not know as a reader
//! waits for the head to be asked for once more, after they came: only that answer turns them away.

use std::time::Instant;

use shared::envelope::Envelope;
use shared::error_code::ErrorCode;
use shared::event::ChatEvent;
use shared::id::{ChatId, UserId};
use shared::policy::POLICY;
use shared::query::{ChainedEvent, EventsPage, Reply};
use shared::trace;

use super::SubscriberId;
use super::guard::Guard;
use super::heads::HeadAnswer;
use super::interest::Interest;
use super::joining::Joining;
use super::meters::Meters;
use super::room::Room;
use crate::chain::{Chain, Need};
use crate::outbound::Answer;
use crate::refusal::Refusal;

/// Most events kept of a chat whose head is not known yet. Beyond it they are dropped and read from the history.
const EARLY_MAX: usize = 1_024;

/// What a shard knows of one chat.
pub(super) struct Chat {
    id: ChatId,
    room: Room,
    phase: Phase,
    /// Those who cannot be let in yet: all while the chat opens, later those who have seen more than it has, and those
    /// who may have become members by an event that has not come here.
    waiting: Vec<Joining>,
    /// The head has to be asked for again.
    asks_again: bool,
    /// Ends the NATS subscription when dropped.
    _interest: Interest,
    meters: Meters,
}

enum Phase {
    /// The head is being asked for; until then nobody knows where live events begin.
    Opening { early: Vec<Envelope>, newest: i64 },
    /// Events flow.
    Open { chain: Chain, guard: Guard },
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
    pub(super) fn opening(
        id: ChatId,
        interest: Interest,
        first: Joining,
        meters: Meters,
        threads: usize,
    ) -> Self {
        let phase = Phase::Opening {
            early: Vec::new(),
            newest: 0,
        };
        Self {
            id,
            room: Room::new(threads),
            phase,
            waiting: vec![first],
            asks_again: false,
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
        match &mut self.phase {
            Phase::Opening { .. } => {
                self.waiting.push(joining);
                Then::Nothing
            }
            Phase::Open { chain, guard }
                if joining.is_ahead_of(chain.last())
                    || guard.judge(&joining.subscriber.reader).is_err() =>
            {
                // It saw events elsewhere that have not come here yet, or never existed; or such an event made it a
                // reader, or it is none: the head tells.
                self.waiting.push(joining);
                Then::AskForHead
            }
            Phase::Open { .. } => {
                self.admit(joining);
                Then::Nothing
            }
        }
    }

    /// Somebody leaves, or gives up waiting.
    pub(super) fn leave(&mut self, id: SubscriberId) {
        self.waiting.retain(|joining| joining.subscriber.id != id);
        self.room.remove(id);
        if let Phase::Open { guard, .. } = &mut self.phase {
            guard.left(id);
        }
    }

    /// Whether the head has to be asked for again, since the last answer was older than somebody's wish.
    pub(super) fn asks_again(&mut self) -> bool {
        std::mem::take(&mut self.asks_again)
    }

    /// The answer about the head came.
    pub(super) fn on_head(&mut self, answer: HeadAnswer) -> Need {
        let HeadAnswer { asked, head } = answer;
        match (&mut self.phase, head) {
            (Phase::Opening { early, newest }, Ok(head)) => {
                let (early, newest) = (std::mem::take(early), *newest);
                self.phase = Phase::Open {
                    chain: Chain::new(head.event),
                    guard: Guard::new(POLICY, head.audience),
                };
                self.let_in(head.event, Some(asked));
                first(self.on_events(early), self.on_told_head(newest))
            }
            (Phase::Open { chain, guard }, Ok(head)) => {
                // What is delivered here after the answer was given is newer than the answer.
                if chain.last() <= head.event {
                    guard.learn(head.audience);
                    self.turn_out();
                }
                let need = self.on_told_head(head.event);
                self.let_in(head.event, Some(asked));
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
            Phase::Open { chain, .. } => chain.on_head(head),
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
            Phase::Open { chain, .. } => {
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
        let Phase::Open { chain, .. } = &mut self.phase else {
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

    /// Keeps the newest events of the history for whoever comes back next.
    pub(super) fn remember(&mut self, history: Vec<Envelope>) {
        if let Phase::Open { chain, .. } = &self.phase {
            self.room.remember(history, chain.last());
        }
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
        let delivered = self.hand_out(known.collect());
        self.meters.deliveries(delivered);
        drop(traced);
        if !self.waiting.is_empty() {
            self.let_in(i64::MAX, None);
        }
    }

    /// Hands events to everybody in the room. Where they are for members only, one at a time: what comes behind a LEAVE
    /// is not for whoever left.
    fn hand_out(&mut self, events: Vec<(Envelope, Option<UserId>)>) -> usize {
        if !matches!(&self.phase, Phase::Open { guard, .. } if guard.is_for_members()) {
            return self.room.deliver(self.id, events, &self.meters);
        }
        let mut delivered = 0;
        for (event, author) in events {
            let kind = event.kind;
            let one = vec![(event, author)];
            delivered += self.room.deliver(self.id, one, &self.meters);
            if let (Phase::Open { guard, .. }, Some(author)) = (&mut self.phase, author)
                && !kind.is_typing()
            {
                guard.on_event(kind, author);
                self.turn_out();
            }
        }
        delivered
    }

    /// Lets in those whom the chain has caught up with, and those who claim to have seen what never was: more
    /// than `head`. Whoever is not known as a reader goes on waiting, unless the database was `asked` after they came.
    fn let_in(&mut self, head: i64, asked: Option<Instant>) {
        for joining in std::mem::take(&mut self.waiting) {
            let Phase::Open { chain, guard } = &self.phase else {
                return;
            };
            let last = chain.last();
            if joining.is_ahead_of(last) && !joining.is_ahead_of(head) {
                self.waiting.push(joining);
                continue;
            }
            match (guard.judge(&joining.subscriber.reader), asked) {
                (Ok(()), _) => self.admit(joining),
                (Err(code), Some(asked)) if asked >= joining.since => {
                    joining.subscriber.refuse(self.id, code);
                }
                (Err(_), _) => {
                    self.asks_again = true;
                    self.waiting.push(joining);
                }
            }
        }
    }

    /// Lets somebody in who may be there.
    fn admit(&mut self, mut joining: Joining) {
        let Phase::Open { chain, guard } = &mut self.phase else {
            return;
        };
        joining.subscriber.for_members = guard.is_for_members();
        let (id, reader) = (joining.subscriber.id, joining.subscriber.reader.clone());
        if self.room.admit(self.id, chain.last(), joining) {
            guard.admitted(id, reader);
        }
    }

    /// Ends the subscriptions of those who may not see what comes from here on.
    fn turn_out(&mut self) {
        let Phase::Open { guard, .. } = &mut self.phase else {
            return;
        };
        for id in guard.turned_out() {
            if let Some(session) = self.room.remove(id) {
                let refusal = Refusal::no_longer_a_member(self.id);
                session.push_answer(Answer::Ended(id.subscription, refusal));
            }
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
