//! The second phase: from CONNECTED until the session ends.
//!
//! Holds what a connected session remembers. What frames do to it is in `on_frame`, what answers do in
//! `on_answer`; this file has what both need: receipts, error messages, SENDs. What the token says of its end is in
//! `renewal`.

use std::collections::VecDeque;
use std::sync::Arc;

use shared::error_code::ErrorCode;
use shared::id::{ChatId, UserId};

use super::action::{Action, Now, Turn};
use super::authenticating::Agreed;
use super::commands::Commands;
use super::expiry::Expiry;
use super::limits::SessionLimits;
use super::named::Named;
use super::rates::Rates;
use super::repetition::Repetition;
use super::send::{BadSend, SendRequest, Wish};
use super::subscriptions::Subscriptions;
use super::transactions::{Step, Transactions};
use crate::auth::Principal;
use crate::destination;
use crate::reader::Reader;
use crate::refusal::{About, Refusal};
use crate::stomp::heartbeat::Pulse;
use crate::stomp::message::{AckMode, Label};
use crate::stomp::{Version, encode};

/// A connected session.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) version: Version,
    /// Whom the session belongs to, when that is proven; in open mode each body says who its author is.
    pub(super) user: Option<UserId>,
    /// In open mode: whom they said.
    pub(super) named: Named,
    /// When that proof ends.
    pub(super) expiry: Option<Expiry>,
    pub(super) pulse: Pulse,
    pub(super) limits: Arc<SessionLimits>,
    pub(super) subscriptions: Subscriptions,
    /// What is not answered yet; no frame is looked at until it is.
    pub(super) awaiting: Option<Awaiting>,
    pub(super) transactions: Transactions,
    /// Of committed transactions, what is still to be done before the next frame.
    pub(super) committed: VecDeque<Step>,
    pub(super) commands: Commands,
    /// Error messages so far, which makes their ids.
    pub(super) errors: u64,
    /// The same of notices.
    pub(super) notices: u64,
    pub(super) rates: Rates,
    pub(super) repetition: Repetition,
    /// The client goes on although it was refused for its rate time and again.
    ignores_refusals: bool,
}

/// What holds up the frames behind it.
#[derive(Debug)]
pub(super) enum Awaiting {
    /// A SUBSCRIBE to a chat.
    Subscription(Subscribing),
    /// A fresh token. In a box, since every connection would keep room for it.
    Renewal(Box<SendRequest>),
}

/// A SUBSCRIBE to a chat that waits for its answer.
#[derive(Debug)]
pub(super) struct Subscribing {
    pub(super) number: u32,
    pub(super) chat: ChatId,
    pub(super) receipt: Option<String>,
}

/// What an error message says of the frame that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed<'a> {
    pub(super) about: About<'a>,
    pub(super) receipt: Option<&'a str>,
    pub(super) idempotency_key: Option<&'a str>,
}

impl Connected {
    /// A session that begins now.
    pub(super) fn new(
        agreed: Agreed,
        principal: Option<Principal>,
        limits: Arc<SessionLimits>,
        now: Now,
    ) -> Self {
        let Agreed {
            version,
            heart_beat,
        } = agreed;
        let server = limits.heart_beat(version);
        let tolerance = limits.heart_beat_tolerance;
        Self {
            rates: Rates::new(limits.rates, now.instant),
            ignores_refusals: false,
            repetition: Repetition::default(),
            version,
            user: principal.map(|principal| principal.user),
            named: Named::default(),
            expiry: principal.map(|principal| Expiry::new(principal, now)),
            pulse: Pulse::new(heart_beat, server, tolerance, now.instant),
            limits,
            subscriptions: Subscriptions::default(),
            awaiting: None,
            transactions: Transactions::default(),
            committed: VecDeque::new(),
            commands: Commands::default(),
            errors: 0,
            notices: 0,
        }
    }

    /// Whether another frame, or step of a transaction, can be looked at now.
    pub(super) fn wants_input(&self) -> bool {
        self.awaiting.is_none() && self.commands.len() < self.limits.commands_in_flight_max
    }

    /// Does the next step of a committed transaction, if there is one.
    pub(super) fn next_committed_step(&mut self, turn: &mut Turn<'_>) -> bool {
        match self.committed.pop_front() {
            Some(Step::Send(send)) => self.carry_out(send, turn),
            Some(Step::Receipt(receipt)) => self.receipt(receipt.as_deref(), turn),
            None => return false,
        }
        true
    }

    /// Answers a frame that asked for a receipt.
    pub(super) fn receipt(&self, receipt: Option<&str>, turn: &mut Turn<'_>) {
        if let Some(receipt) = receipt {
            turn.send(encode::receipt(self.version, receipt));
        }
    }

    /// Turns a SEND into a command, or tells why not.
    pub(super) fn carry_out(&mut self, send: SendRequest, turn: &mut Turn<'_>) {
        let early = self.rates.send(turn.now.instant).err();
        let checked = match early {
            // Its body was not even looked at.
            Some(retry_after) => Err(BadSend {
                refusal: Refusal::rate_limited(retry_after),
                author: self.user,
                chat: None,
            }),
            None if self.expiry.is_some() && send.destination == destination::SESSION_TOKEN => {
                return self.renew(send, turn);
            }
            None => send.check(self.user),
        };
        match checked {
            Ok(wish) if self.says_nothing_new(wish, turn) => {
                turn.tally.count_repetition();
                self.receipt(send.receipt.as_deref(), turn);
            }
            Ok(wish) => {
                if self.user.is_none() {
                    self.named.note(wish.author);
                }
                let publish = self.commands.submit(send, wish);
                turn.out.push(Action::Publish(publish));
            }
            Err(BadSend {
                refusal,
                author,
                chat,
            }) => {
                let failed = Failed {
                    about: About {
                        destination: &send.destination,
                        chat,
                        author,
                    },
                    receipt: send.receipt.as_deref(),
                    idempotency_key: send.idempotency_key.as_deref(),
                };
                self.refuse(&refusal, failed, turn);
            }
        }
    }

    fn says_nothing_new(&self, wish: Wish, turn: &Turn<'_>) -> bool {
        let interval = self.limits.typing_interval_min;
        // What is not answered yet may be something else, and its answer has to come first.
        !self.commands.has_unanswered(wish.chat)
            && self.repetition.repeats(wish, interval, turn.now.instant)
    }

    /// Tells the client, and nobody else, that something was not done (contract section 5): one MESSAGE to the
    /// oldest subscription that takes errors, or without any as an unsolicited one, which client libraries hand
    /// to their callback for unhandled messages.
    pub(super) fn refuse(&mut self, refusal: &Refusal, failed: Failed<'_>, turn: &mut Turn<'_>) {
        self.errors += 1;
        if refusal.code == ErrorCode::RateLimited && self.rates.is_ignored(turn.now.instant) {
            self.ignores_refusals = true;
        }
        turn.tally.count_refusal(refusal.code);
        let unsolicited = (
            &Label::new(
                self.version,
                Some(destination::OWN_ERRORS),
                0,
                AckMode::Auto,
            ),
            destination::OWN_ERRORS,
        );
        let subscribed = self.subscriptions.for_errors();
        let (label, destination) = subscribed.map_or(unsolicited, |subscription| {
            (&subscription.label, subscription.destination.as_str())
        });
        // Never equal to an event's id, which is a bare number.
        let message_id = format!("{ERROR_ID_PREFIX}{}", self.errors);
        let frame = label
            .start(Some(self.version), &message_id)
            .header("destination", destination)
            .optional("receipt-id", failed.receipt)
            .optional("idempotency-key", failed.idempotency_key);
        let body = refusal.body(failed.about, turn.now.wall);
        turn.send(
            label
                .ack(frame, &message_id)
                .body("application/json", &body),
        );
    }

    /// In whose name the session asks for events.
    pub(super) fn reader(&self) -> Reader {
        match self.user {
            Some(user) => Reader::Proven(user),
            None => Reader::Named(self.named.users().into()),
        }
    }

    /// Whether the client goes on although it was refused for its rate time and again.
    pub(super) fn ignores_refusals(&self) -> bool {
        self.ignores_refusals
    }

    /// A refusal for whoever is not the user a destination names.
    pub(super) fn check_user(&self, named: UserId) -> Result<(), Refusal> {
        match self.user {
            Some(user) if user != named => {
                let message = format!("The errors of user {named} are for user {named} only");
                Err(Refusal::new(ErrorCode::Forbidden, message))
            }
            _ => Ok(()),
        }
    }
}

/// What the `message-id` of an error message starts with, and that of a notice.
pub(super) const ERROR_ID_PREFIX: &str = "error-";
pub(super) const NOTICE_ID_PREFIX: &str = "notice-";
