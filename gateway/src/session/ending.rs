//! How sessions end: at once, or when what the client sent before is answered.

use super::Session;
use super::action::{Action, Now};
use super::phase::{Disconnecting, Phase};
use crate::disconnect::Disconnect;
use crate::stomp::encode;
use crate::stomp::error::Violation;

impl Session {
    /// The server ends the session.
    pub fn close(&mut self, reason: Disconnect, _now: Now, out: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        if let Some(message) = reason.error_message() {
            out.push(Action::Send(encode::error(self.version(), message)));
        }
        self.end(reason, out);
    }

    /// The client is gone without DISCONNECT. What it sent before is carried out all the same (STOMP 1.2,
    /// "RECEIPT": frames received before a disconnect should continue to get processed), in the order it came;
    /// [`Action::Close`] follows when the last command is answered. Whoever cannot wait calls [`Self::close`].
    pub fn on_client_gone(&mut self, now: Now, out: &mut Vec<Action>) {
        match &self.phase {
            Phase::Connecting(_) | Phase::Authenticating(_) => {
                self.close(Disconnect::ClientGone, now, out);
            }
            Phase::Connected(_) => self.disconnect(None, Disconnect::ClientGone, out),
            Phase::Disconnecting(_) | Phase::Closed => {}
        }
    }

    /// The token's time is over: events end at once, and the session when what the client sent before is answered.
    pub(super) fn expire(&mut self, out: &mut Vec<Action>) {
        if let Phase::Connected(connected) = &self.phase {
            let chats = connected.subscriptions.of_chats();
            out.extend(chats.map(|(number, chat)| Action::Unsubscribe { number, chat }));
        }
        self.disconnect(None, Disconnect::TokenExpired, out);
    }

    /// Nothing more is read; the session ends as soon as its commands are answered.
    pub(super) fn disconnect(
        &mut self,
        receipt: Option<String>,
        reason: Disconnect,
        out: &mut Vec<Action>,
    ) {
        if let Phase::Connected(connected) = std::mem::replace(&mut self.phase, Phase::Closed) {
            let connected = *connected;
            self.phase = Phase::Disconnecting(Box::new(Disconnecting {
                connected,
                receipt,
                reason,
            }));
        }
        self.close_when_answered(out);
    }

    pub(super) fn close_when_answered(&mut self, out: &mut Vec<Action>) {
        let Phase::Disconnecting(disconnecting) = &self.phase else {
            return;
        };
        if !disconnecting.connected.commands.is_empty() {
            return;
        }
        let reason = disconnecting.reason;
        if let Some(receipt) = &disconnecting.receipt {
            let frame = encode::receipt(disconnecting.connected.version, receipt);
            out.push(Action::Send(frame));
        }
        if let Some(message) = reason.error_message() {
            out.push(Action::Send(encode::error(self.version(), message)));
        }
        self.end(reason, out);
    }

    /// The client broke the protocol.
    pub(super) fn fail(
        &mut self,
        violation: &Violation,
        receipt: Option<&str>,
        out: &mut Vec<Action>,
    ) {
        let frame = encode::violation(self.version(), violation, receipt);
        out.push(Action::Send(frame));
        self.end(violation.disconnect(), out);
    }

    pub(super) fn end(&mut self, reason: Disconnect, out: &mut Vec<Action>) {
        self.phase = Phase::Closed;
        out.push(Action::Close(reason));
    }
}
