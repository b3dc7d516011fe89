//! What a client's frames do to a connected session (STOMP 1.2, "Client Frames").
//!
//! `Err` is a violation and ends the session; what merely cannot be carried out is refused and goes on. That is
//! where we differ from the specifications, which would have a failed SEND or SUBSCRIBE close the connection:
//! contract section 2.

use shared::id::EventId;

use super::action::{Action, Turn};
use super::connected::{Awaiting, Connected, Failed, Subscribing};
use super::send::SendRequest;
use super::transactions::Step;
use crate::destination::{self, BadDestination, Source};
use crate::refusal::{About, Refusal};
use crate::stomp::error::Violation;
use crate::stomp::message::AckMode;
use crate::stomp::{Command, Frame, Version};

/// Whether the session goes on after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It does.
    Continue,
    /// It ends as soon as everything is answered.
    Disconnect,
}

/// The value of a header that has to be there.
pub(super) fn required<'a>(frame: &'a Frame, header: &'static str) -> Result<&'a str, Violation> {
    let command = frame.command;
    frame
        .header(header)
        .ok_or(Violation::MissingHeader { command, header })
}

impl Connected {
    pub(super) fn on_frame(
        &mut self,
        frame: &Frame,
        turn: &mut Turn<'_>,
    ) -> Result<Flow, Violation> {
        // 1.0 says so of SUBSCRIBE only, and only that such a body is ignored.
        if self.version > Version::V1_0 && frame.command != Command::Send && !frame.body.is_empty()
        {
            return Err(Violation::BodyNotAllowed(frame.command));
        }
        match frame.command {
            Command::Connect | Command::Stomp => return Err(Violation::AlreadyConnected),
            Command::Send => self.on_send(frame, turn)?,
            Command::Subscribe => self.on_subscribe(frame, turn)?,
            Command::Unsubscribe => self.on_unsubscribe(frame, turn)?,
            Command::Ack | Command::Nack => self.on_acknowledgement(frame, turn)?,
            Command::Begin => {
                let id = required(frame, "transaction")?;
                self.transactions.begin(id, &self.limits)?;
                self.receipt(frame.header("receipt"), turn);
            }
            Command::Commit => {
                let steps = self.transactions.end(required(frame, "transaction")?)?;
                self.committed.extend(steps);
                self.committed
                    .push_back(Step::Receipt(frame.owned_header("receipt")));
            }
            Command::Abort => {
                drop(self.transactions.end(required(frame, "transaction")?)?);
                self.receipt(frame.header("receipt"), turn);
            }
            Command::Disconnect => return Ok(Flow::Disconnect),
        }
        Ok(Flow::Continue)
    }

    fn on_send(&mut self, frame: &Frame, turn: &mut Turn<'_>) -> Result<(), Violation> {
        let send = SendRequest::new(frame, required(frame, "destination")?);
        match frame.header("transaction") {
            Some(transaction) => {
                self.transactions
                    .add(transaction, Step::Send(send), &self.limits)?;
            }
            None => self.carry_out(send, turn),
        }
        Ok(())
    }

    fn on_subscribe(&mut self, frame: &Frame, turn: &mut Turn<'_>) -> Result<(), Violation> {
        let destination = required(frame, "destination")?;
        let id = match self.version {
            Version::V1_0 => frame.header("id"),
            _ => Some(required(frame, "id")?),
        };
        let mode =
            AckMode::parse(frame.header("ack"), self.version).ok_or(Violation::BadAckMode)?;
        if id.is_some_and(|id| self.subscriptions.with_id(id).is_some()) {
            return Err(Violation::DuplicateSubscription);
        }
        let in_time = self.rates.subscribe(turn.now.instant);
        let in_time = in_time.map_err(|retry_after| (Refusal::rate_limited(retry_after), None));
        let source = match in_time.and_then(|()| self.check_subscribe(frame, destination)) {
            Ok(source) => source,
            Err((refusal, source)) => {
                let failed = Failed {
                    about: About {
                        destination,
                        chat: source.and_then(Source::chat),
                        author: self.user,
                    },
                    receipt: frame.header("receipt"),
                    idempotency_key: None,
                };
                self.refuse(&refusal, failed, turn);
                return Ok(());
            }
        };
        let number = self
            .subscriptions
            .add(self.version, id, destination, source, mode);
        match (source, self.subscriptions.get(number)) {
            (Source::Chat(chat), Some(subscription)) => {
                let receipt = frame.owned_header("receipt");
                self.awaiting = Some(Awaiting::Subscription(Subscribing {
                    number,
                    chat,
                    receipt,
                }));
                turn.out.push(Action::Subscribe {
                    number,
                    chat,
                    reader: self.reader(),
                    label: subscription.label.clone(),
                    last_event_id: frame.header("last-event-id").and_then(|id| id.parse().ok()),
                });
            }
            // A queue of the session's own needs nobody's help.
            _ => {
                self.receipt(frame.header("receipt"), turn);
                // It may have waited for somebody to hear it.
                self.warn(turn);
            }
        }
        Ok(())
    }

    /// What is subscribed to; or why that cannot be, with what could be read of it.
    fn check_subscribe(
        &self,
        frame: &Frame,
        destination: &str,
    ) -> Result<Source, (Refusal, Option<Source>)> {
        let source = destination::source(destination).map_err(|bad| {
            let refusal = match bad {
                BadDestination::Unknown => Refusal::nothing_to_subscribe_at(destination),
                BadDestination::BadId(name) => {
                    Refusal::invalid_field(name, "must be a positive integer")
                }
            };
            (refusal, None)
        })?;
        let refused = |refusal| (refusal, Some(source));
        if let Source::ErrorsOf(user) = source {
            self.check_user(user).map_err(refused)?;
        }
        if self.subscriptions.len() >= self.limits.subscriptions_max {
            let max = self.limits.subscriptions_max;
            return Err(refused(Refusal::too_many_subscriptions(max)));
        }
        let last_event_id = frame.header("last-event-id").map(str::parse::<EventId>);
        if source.chat().is_some() && matches!(last_event_id, Some(Err(_))) {
            let refusal = Refusal::invalid_field("last-event-id", "must be a positive integer");
            return Err(refused(refusal));
        }
        Ok(source)
    }

    /// Of a subscription that does not exist, or no longer does, the client gets what it wants: no messages.
    fn on_unsubscribe(&mut self, frame: &Frame, turn: &mut Turn<'_>) -> Result<(), Violation> {
        let ending = match (frame.header("id"), self.version) {
            (Some(id), _) => self.subscriptions.with_id(id).into_iter().collect(),
            (None, Version::V1_0) => {
                let destination = required(frame, "destination")?;
                self.subscriptions.with_destination(destination)
            }
            (None, _) => {
                required(frame, "id")?;
                Vec::new()
            }
        };
        for number in ending {
            let ended = self.subscriptions.end(number);
            if let Some(chat) = ended.and_then(Source::chat) {
                turn.out.push(Action::Unsubscribe { number, chat });
            }
        }
        self.receipt(frame.header("receipt"), turn);
        Ok(())
    }
}
