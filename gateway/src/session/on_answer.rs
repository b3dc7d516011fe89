//! What the shell's answers do to a connected session.

use shared::error_code::ErrorCode;

use super::action::Turn;
use super::commands::Outcome;
use super::connected::{Awaiting, Connected, Failed};
use crate::destination::Source;
use crate::refusal::{About, Refusal};

impl Connected {
    /// A subscription is established or refused. A refused one leaves no trace, with one exception: when the
    /// history is gone, live events go on, and only the replay failed.
    pub(super) fn on_subscribed(
        &mut self,
        number: u32,
        result: Result<(), Refusal>,
        turn: &mut Turn<'_>,
    ) {
        let is_awaited = |awaiting: &mut Awaiting| matches!(awaiting, Awaiting::Subscription(subscribing) if subscribing.number == number);
        let Some(Awaiting::Subscription(awaiting)) = self.awaiting.take_if(is_awaited) else {
            return;
        };
        let Err(refusal) = result else {
            return self.receipt(awaiting.receipt.as_deref(), turn);
        };
        let Some(subscription) = self.subscriptions.get(number) else {
            return;
        };
        let destination = subscription.destination.clone();
        if refusal.code != ErrorCode::HistoryGone {
            self.subscriptions.remove(number);
        }
        let failed = Failed {
            about: About {
                destination: &destination,
                chat: Some(awaiting.chat),
                author: self.user,
            },
            receipt: awaiting.receipt.as_deref(),
            idempotency_key: None,
        };
        self.refuse(&refusal, failed, turn);
    }

    /// A subscription's events are not for this client any more. An UNSUBSCRIBE may have crossed the news.
    pub(super) fn on_ended(&mut self, number: u32, refusal: &Refusal, turn: &mut Turn<'_>) {
        let Some(subscription) = self.subscriptions.get(number) else {
            return;
        };
        let destination = subscription.destination.clone();
        let source = self.subscriptions.end(number);
        let failed = Failed {
            about: About {
                destination: &destination,
                chat: source.and_then(Source::chat),
                author: self.user,
            },
            receipt: None,
            idempotency_key: None,
        };
        self.refuse(refusal, failed, turn);
    }

    /// What became of a command is known. The client hears of it when it has heard of all before it in that chat.
    pub(super) fn on_outcome(&mut self, ticket: u64, outcome: Outcome, turn: &mut Turn<'_>) {
        for (command, outcome) in self.commands.settled(ticket, outcome) {
            match outcome {
                Ok(_) => {
                    self.repetition.stored(command.wish, turn.now.instant);
                    self.receipt(command.receipt.as_deref(), turn);
                }
                Err(refusal) => {
                    let failed = Failed {
                        about: About {
                            destination: &command.destination,
                            chat: Some(command.wish.chat),
                            author: Some(command.wish.author),
                        },
                        receipt: command.receipt.as_deref(),
                        idempotency_key: command.idempotency_key.as_deref(),
                    };
                    self.refuse(&refusal, failed, turn);
                }
            }
        }
    }
}
