//! Renewing a session in place: SEND to `/session/token` with a fresh token as body (contract section 6).
//!
//! A fresh token must be of the same user: the session's subscriptions and memberships are that user's. Whatever is
//! wrong with it, the session goes on until the end that it had before.

use shared::error_code::ErrorCode;

use super::action::{Action, Turn};
use super::connected::{Awaiting, Connected, Failed, NOTICE_ID_PREFIX};
use super::expiry::Expiry;
use super::send::SendRequest;
use crate::auth::{Principal, Token, Unproven};
use crate::refusal::{About, Refusal};

impl Connected {
    /// Has a fresh token looked at. Frames behind it wait, so that they meet the session as it will be.
    pub(super) fn renew(&mut self, send: SendRequest, turn: &mut Turn<'_>) {
        // What is no text is no token either.
        let token = Token::bare(std::str::from_utf8(&send.body).unwrap_or_default());
        self.awaiting = Some(Awaiting::Renewal(Box::new(send)));
        turn.out.push(Action::Authenticate(Some(token)));
    }

    /// What the fresh token is worth.
    pub(super) fn on_renewal(&mut self, result: Result<Principal, Unproven>, turn: &mut Turn<'_>) {
        let is_renewal = |awaiting: &mut Awaiting| matches!(awaiting, Awaiting::Renewal(_));
        let Some(Awaiting::Renewal(send)) = self.awaiting.take_if(is_renewal) else {
            return;
        };
        let refusal = match result {
            Ok(principal) if Some(principal.user) == self.user => {
                self.expiry = Some(Expiry::new(principal, turn.now));
                self.receipt(send.receipt.as_deref(), turn);
                // It may be nearly over, too.
                return self.warn(turn);
            }
            Ok(principal) => {
                let message = format!(
                    "The token is of user {}, the session is not",
                    principal.user
                );
                Refusal::new(ErrorCode::AuthorMismatch, message)
            }
            Err(unproven) => Refusal::new(unproven.code(), unproven.detail()),
        };
        let failed = Failed {
            about: About {
                destination: &send.destination,
                chat: None,
                author: self.user,
            },
            receipt: send.receipt.as_deref(),
            idempotency_key: send.idempotency_key.as_deref(),
        };
        self.refuse(&refusal, failed, turn);
    }

    /// Warns that the session is about to end, if it is and somebody hears it: one MESSAGE to the oldest
    /// subscription to notices.
    pub(super) fn warn(&mut self, turn: &mut Turn<'_>) {
        let Some(expiry) = &mut self.expiry else {
            return;
        };
        let listener = self.subscriptions.for_notices();
        let warning = expiry.take_warning(turn.now, listener.is_some());
        let (Some(subscription), Some(warning)) = (listener, warning) else {
            return;
        };
        self.notices += 1;
        let label = &subscription.label;
        let message_id = format!("{NOTICE_ID_PREFIX}{}", self.notices);
        let frame = label
            .start(Some(self.version), &message_id)
            .header("destination", &subscription.destination);
        turn.out.push(Action::Send(
            label
                .ack(frame, &message_id)
                .body("application/json", &warning),
        ));
    }
}
