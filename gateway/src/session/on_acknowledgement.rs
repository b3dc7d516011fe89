//! ACK and NACK (STOMP 1.2, "ACK" and "NACK"): whether they name a message that was sent.
//!
//! That is all they do here. An event is stored before it is sent, and who missed one asks for it by
//! `last-event-id`; so nothing is redelivered, and NACK changes as little as ACK. Where the specifications are
//! silent we are lenient: an acknowledgement may come twice, late, after UNSUBSCRIBE, or in `auto` mode.
//!
//! What was sent is remembered as one number per subscription and not as a list: a list would need a bound, and
//! at the bound it would either hold back events or call a late acknowledgement a violation.

use shared::id::EventId;

use super::action::Turn;
use super::connected::{Connected, ERROR_ID_PREFIX, NOTICE_ID_PREFIX};
use super::on_frame::required;
use super::subscriptions::Named;
use super::transactions::Step;
use crate::stomp::error::Violation;
use crate::stomp::{Frame, Version};

impl Connected {
    pub(super) fn on_acknowledgement(
        &mut self,
        frame: &Frame,
        turn: &mut Turn<'_>,
    ) -> Result<(), Violation> {
        let (named, message_id) = match self.version {
            Version::V1_0 => (Named::Any, required(frame, "message-id")?),
            Version::V1_1 => {
                let subscription = required(frame, "subscription")?;
                (Named::Id(subscription), required(frame, "message-id")?)
            }
            Version::V1_2 => ack_id(required(frame, "id")?).ok_or(Violation::UnknownMessage)?,
        };
        if !self.has_sent(named, message_id) {
            return Err(Violation::UnknownMessage);
        }
        let receipt = frame.header("receipt");
        if let Some(transaction) = frame.header("transaction") {
            let step = Step::Receipt(receipt.map(str::to_owned));
            return self.transactions.add(transaction, step, &self.limits);
        }
        self.receipt(receipt, turn);
        Ok(())
    }

    /// Messages are events, and errors and notices, whose ids have a prefix.
    fn has_sent(&self, named: Named<'_>, message_id: &str) -> bool {
        for (prefix, last) in [
            (ERROR_ID_PREFIX, self.errors),
            (NOTICE_ID_PREFIX, self.notices),
        ] {
            if let Some(number) = message_id.strip_prefix(prefix) {
                let number = number.parse().unwrap_or(0);
                return (1..=last).contains(&number) && self.subscriptions.knew(named);
            }
        }
        let event = message_id.parse::<EventId>();
        event.is_ok_and(|event| self.subscriptions.were_sent(named, event))
    }
}

/// Takes the `ack` header of a message apart: `{message-id}-{number of the subscription}`.
fn ack_id(id: &str) -> Option<(Named<'_>, &str)> {
    let (message_id, number) = id.rsplit_once('-')?;
    Some((Named::Number(number.parse().ok()?), message_id))
}
