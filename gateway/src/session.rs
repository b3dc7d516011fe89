//! A client's STOMP session as a state machine: octets and answers in, [`Action`]s out.
//!
//! | phase | on | becomes | and does |
//! | --- | --- | --- | --- |
//! | Connecting | CONNECT or STOMP, open mode | Connected | CONNECTED |
//! | Connecting | CONNECT or STOMP | Authenticating | asks whose token it shows |
//! | Connecting | another frame, no common version | Closed | ERROR, close |
//! | Connecting, Authenticating | the connect deadline | Closed | ERROR, close |
//! | Authenticating | the token is somebody's | Connected | CONNECTED |
//! | Authenticating | it proves nothing | Closed | ERROR, close |
//! | Connected | SEND, transaction frames, ACK, NACK, (UN)SUBSCRIBE | Connected | see `on_frame` |
//! | Connected | an answer of the shell | Connected | RECEIPT or error MESSAGE, the next command |
//! | Connected | a violation of the protocol | Closed | ERROR, close |
//! | Connected | too many refusals for its rate | Closed | ERROR, close |
//! | Connected | silence for too long | Closed | close |
//! | Connected | the token is over | Disconnecting | no more events |
//! | Connected | DISCONNECT, or the client gone | Disconnecting | nothing yet |
//! | Disconnecting | the last command is answered | Closed | RECEIPT or ERROR, close |
//! | any but Closed | [`Session::close`] | Closed | ERROR where the client should know, close |
//! | Closed | anything | Closed | nothing |
//!
//! It has no clock, no sockets and no tasks. Frames are looked at strictly one after the other, so while one has
//! to wait the octets behind it wait undecoded: [`Session::wants_input`] tells the shell to stop reading, and
//! that is the back-pressure on the client.

mod action;
mod admitting;
mod authenticating;
mod command_body;
mod commands;
mod connected;
mod connecting;
mod deadlines;
mod ending;
mod expiry;
mod limits;
mod named;
mod on_acknowledgement;
mod on_answer;
mod on_frame;
mod phase;
mod rates;
mod renewal;
mod repetition;
mod send;
mod subscriptions;
mod tally;
#[cfg(test)]
mod tests;
mod transactions;

use std::sync::Arc;
use std::time::Instant;

use shared::id::{EventId, UserId};

use self::action::Turn;
pub use self::action::{Action, Admission, Now, Publish};
use self::admitting::Entry;
use self::connected::Connected;
use self::connecting::Connecting;
pub use self::limits::SessionLimits;
use self::on_frame::Flow;
use self::phase::Phase;
pub use self::rates::RateLimits;
pub use self::tally::Tally;
use crate::disconnect::Disconnect;
use crate::refusal::Refusal;
use crate::stomp::decode::{Decoded, Decoder};
use crate::stomp::{Frame, Version};

/// One client's session.
#[derive(Debug)]
pub struct Session {
    id: String,
    server: &'static str,
    limits: Arc<SessionLimits>,
    admission: Admission,
    decoder: Decoder,
    tally: Tally,
    /// Whom it has let in, if anybody; known beyond the end.
    entry: Option<Entry>,
    phase: Phase,
}

impl Session {
    /// A client has come. `id` and `server` go into CONNECTED, so they are free of `:`, `\` and line ends.
    pub fn new(
        id: String,
        server: &'static str,
        limits: Arc<SessionLimits>,
        admission: Admission,
        now: Now,
    ) -> Self {
        Self {
            id,
            server,
            decoder: Decoder::new(limits.decode),
            limits,
            admission,
            tally: Tally::default(),
            entry: None,
            phase: Phase::Connecting(Connecting::new(now.instant)),
        }
    }

    /// Names the session.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was agreed on, from CONNECTED until the session is closed.
    pub fn version(&self) -> Option<Version> {
        self.phase.connected().map(|connected| connected.version)
    }

    /// Whether somebody was let in, be it that the session has ended since.
    pub fn has_begun(&self) -> bool {
        self.entry.is_some()
    }

    /// Whom the session belongs to, or belonged to, when that is proven.
    pub fn user(&self) -> Option<UserId> {
        self.entry?.user
    }

    /// Commands that are not answered yet.
    pub fn commands_in_flight(&self) -> usize {
        self.phase
            .connected()
            .map_or(0, |connected| connected.commands.len())
    }

    /// What was counted since the last call, if anything was.
    pub fn take_tally(&mut self) -> Option<Tally> {
        (!self.tally.is_empty()).then(|| std::mem::take(&mut self.tally))
    }

    /// Whether octets should be read from the client. Not while a token or a SUBSCRIBE awaits its answer, not while
    /// as many commands as allowed are unanswered, and not once the session is ending.
    pub fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Connecting(_) => true,
            Phase::Connected(connected) => connected.wants_input(),
            Phase::Authenticating(_) | Phase::Disconnecting(_) | Phase::Closed => false,
        }
    }

    /// Octets came from the client, cut anywhere. What cannot be looked at yet is kept, so the caller stops
    /// reading as soon as [`Self::wants_input`] says no.
    pub fn on_octets(&mut self, octets: &[u8], now: Now, out: &mut Vec<Action>) {
        match &mut self.phase {
            Phase::Connecting(_) | Phase::Authenticating(_) => {}
            // Even part of a frame is a sign of life.
            Phase::Connected(connected) => connected.pulse.received(now.instant),
            // After DISCONNECT or ERROR nothing is looked at.
            Phase::Disconnecting(_) | Phase::Closed => return,
        }
        self.decoder.push(octets);
        self.advance(now, out);
    }

    /// A subscription is established, or refused.
    pub fn on_subscribed(
        &mut self,
        number: u32,
        result: Result<(), Refusal>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        self.on_answer(now, out, |connected, turn| {
            connected.on_subscribed(number, result, turn);
        });
    }

    /// A subscription has ended without the client's doing, and this is why.
    pub fn on_ended(&mut self, number: u32, refusal: &Refusal, now: Now, out: &mut Vec<Action>) {
        self.on_answer(now, out, |connected, turn| {
            connected.on_ended(number, refusal, turn);
        });
    }

    /// What became of a command is known.
    pub fn on_outcome(
        &mut self,
        ticket: u64,
        outcome: Result<EventId, Refusal>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        self.on_answer(now, out, |connected, turn| {
            connected.on_outcome(ticket, outcome, turn);
        });
    }

    /// Events up to this one are about to go out to the subscription with this number.
    pub fn on_event(&mut self, number: u32, event: EventId) {
        if let Some(connected) = self.phase.connected_mut() {
            connected.subscriptions.sent(number, event);
        }
    }

    /// Octets went out to the client, so the next heart-beat can wait.
    pub fn on_sent(&mut self, now: Instant) {
        if let Some(connected) = self.phase.connected_mut() {
            connected.pulse.sent(now);
        }
    }

    /// Applies an answer of the shell, then goes on with what waited for it.
    fn on_answer(
        &mut self,
        now: Now,
        out: &mut Vec<Action>,
        apply: impl FnOnce(&mut Connected, &mut Turn<'_>),
    ) {
        let listened = self.wants_input();
        let Some(connected) = self.phase.connected_mut() else {
            return;
        };
        let tally = &mut self.tally;
        apply(connected, &mut Turn { now, out, tally });
        if !listened {
            // From now on the client can be heard again; until now its silence meant nothing.
            connected.pulse.received(now.instant);
        }
        self.advance(now, out);
        self.close_when_answered(out);
    }

    /// Looks at frames for as long as that is possible.
    fn advance(&mut self, now: Now, out: &mut Vec<Action>) {
        while self.wants_input() {
            if let Phase::Connected(connected) = &mut self.phase {
                let tally = &mut self.tally;
                if connected.next_committed_step(&mut Turn { now, out, tally }) {
                    continue;
                }
            }
            if self
                .phase
                .connected()
                .is_some_and(Connected::ignores_refusals)
            {
                return self.close(Disconnect::RateLimited, now, out);
            }
            match self.decoder.next(self.version()) {
                None => break,
                Some(Ok(Decoded::HeartBeat)) => {}
                Some(Ok(Decoded::Frame(frame))) => self.on_frame(&frame, now, out),
                Some(Err(error)) => self.fail(&error.violation, error.receipt.as_deref(), out),
            }
        }
    }

    fn on_frame(&mut self, frame: &Frame, now: Now, out: &mut Vec<Action>) {
        self.tally.count_frame(frame.command);
        let result = match &mut self.phase {
            Phase::Connecting(connecting) => {
                let since = connecting.since;
                self.connect(frame, since, now, out)
            }
            Phase::Connected(connected) => {
                let tally = &mut self.tally;
                connected.on_frame(frame, &mut Turn { now, out, tally })
            }
            Phase::Authenticating(_) | Phase::Disconnecting(_) | Phase::Closed => {
                Ok(Flow::Continue)
            }
        };
        match result {
            Ok(Flow::Continue) => {}
            Ok(Flow::Disconnect) => {
                self.disconnect(
                    frame.owned_header("receipt"),
                    Disconnect::ClientDisconnect,
                    out,
                );
            }
            Err(violation) => self.fail(&violation, frame.header("receipt"), out),
        }
    }
}
