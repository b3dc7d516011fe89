//! Who is let in: CONNECT, the answer to whose token it shows, and CONNECTED or the refusal.

use std::sync::Arc;
use std::time::Instant;

use shared::id::UserId;

use super::Session;
use super::action::{Action, Admission, Now};
use super::authenticating::{Agreed, Authenticating};
use super::connected::Connected;
use super::connecting;
use super::on_frame::Flow;
use super::phase::Phase;
use crate::auth::{Principal, Unproven};
use crate::disconnect::Disconnect;
use crate::stomp::error::Violation;
use crate::stomp::{Frame, encode};

/// Somebody was let in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Who, when that is proven.
    pub(super) user: Option<UserId>,
}

impl Session {
    /// Whose token it is that [`Action::Authenticate`] asked about, or why that is not known.
    pub fn on_authenticated(
        &mut self,
        result: Result<Principal, Unproven>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        match (&self.phase, result) {
            (Phase::Authenticating(authenticating), Ok(principal)) => {
                let agreed = authenticating.agreed;
                self.admit(agreed, Some(principal), now, out);
                self.advance(now, out);
            }
            (Phase::Authenticating(_), Err(unproven)) => self.turn_away(unproven, out),
            (_, result) => self.on_answer(now, out, |connected, turn| {
                connected.on_renewal(result, turn);
            }),
        }
    }

    pub(super) fn connect(
        &mut self,
        frame: &Frame,
        since: Instant,
        now: Now,
        out: &mut Vec<Action>,
    ) -> Result<Flow, Violation> {
        let agreed = connecting::connect(frame)?;
        match self.admission {
            Admission::Anybody => self.admit(agreed, None, now, out),
            Admission::TokenHolders => {
                self.phase = Phase::Authenticating(Authenticating { agreed, since });
                out.push(Action::Authenticate(connecting::token(frame)));
            }
        }
        Ok(Flow::Continue)
    }

    fn admit(
        &mut self,
        agreed: Agreed,
        principal: Option<Principal>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let limits = Arc::clone(&self.limits);
        let connected = Connected::new(agreed, principal, limits, now);
        self.entry = Some(Entry {
            user: connected.user,
        });
        out.push(Action::Send(encode::connected(encode::Connected {
            version: connected.version,
            session: &self.id,
            server: self.server,
            heart_beat: self.limits.heart_beat(connected.version),
            user: connected.user,
        })));
        self.phase = Phase::Connected(Box::new(connected));
    }

    /// CONNECT is refused. Unlike other errors it says what is wrong: there is nothing else that could.
    fn turn_away(&mut self, unproven: Unproven, out: &mut Vec<Action>) {
        let reason = match unproven {
            Unproven::KeysUnavailable => Disconnect::AuthenticationUnavailable,
            _ => Disconnect::Unauthorized,
        };
        let message = unproven.code().name();
        let frame = encode::detailed_error(None, message, unproven.detail());
        out.push(Action::Send(frame));
        self.end(reason, out);
    }
}
