//! What the session does as time goes by, of which it has no clock of its own.

use std::time::Instant;

use super::Session;
use super::action::{Action, Now, Turn};
use super::expiry::Expiry;
use super::phase::Phase;
use crate::disconnect::Disconnect;
use crate::stomp::encode;

impl Session {
    /// When [`Self::on_deadline`] wants to be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Connecting(connecting) => connecting.deadline(&self.limits),
            Phase::Authenticating(authenticating) => authenticating.deadline(&self.limits),
            Phase::Connected(connected) => {
                let expiry = connected.expiry.as_ref().and_then(Expiry::deadline);
                let deadlines = [
                    connected.pulse.send_deadline(),
                    self.silence_deadline(),
                    expiry,
                ];
                deadlines.into_iter().flatten().min()
            }
            Phase::Disconnecting(disconnecting) => disconnecting.connected.pulse.send_deadline(),
            Phase::Closed => None,
        }
    }

    /// Time went by. Does nothing before [`Self::next_deadline`].
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<Action>) {
        let due =
            |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now.instant);
        if let Phase::Connecting(connecting) = &self.phase
            && due(connecting.deadline(&self.limits))
        {
            return self.close(Disconnect::ConnectDeadline, now, out);
        }
        if let Phase::Authenticating(authenticating) = &self.phase
            && due(authenticating.deadline(&self.limits))
        {
            return self.close(Disconnect::AuthenticationUnavailable, now, out);
        }
        if due(self.silence_deadline()) {
            return self.close(Disconnect::HeartBeatMissed, now, out);
        }
        if let Phase::Connected(connected) = &mut self.phase {
            if let Some(expiry) = &connected.expiry
                && expiry.is_over(now.instant)
            {
                return self.expire(out);
            }
            let tally = &mut self.tally;
            connected.warn(&mut Turn { now, out, tally });
        }
        if let Some(connected) = self.phase.connected_mut()
            && due(connected.pulse.send_deadline())
        {
            connected.pulse.sent(now.instant);
            out.push(Action::Send(encode::HEART_BEAT.to_owned()));
        }
    }

    /// When the client has been silent for too long. Never while it is not listened to: then its beats wait
    /// unread in the socket.
    fn silence_deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Connected(connected) if connected.wants_input() => {
                connected.pulse.receive_deadline()
            }
            _ => None,
        }
    }
}
