//! What comes in, from the client and from the queue that others fill, told to the session.

use shared::error_code::ErrorCode;

use super::{Connection, now};
use crate::disconnect::Disconnect;
use crate::outbound::{Answer, Item, Outgoing};
use crate::transport::Received;

impl Connection<'_> {
    pub(super) fn on_received(&mut self, received: Received) {
        self.has_new_deadline = true;
        match received {
            Received::Silence => {}
            Received::Octets(octets) => self.session.on_octets(&octets, now(), &mut self.actions),
            Received::Pieces(pieces) => {
                for piece in pieces {
                    self.session
                        .on_octets(piece.as_bytes(), now(), &mut self.actions);
                }
            }
            Received::Nothing => self.session.on_octets(&[], now(), &mut self.actions),
            Received::End(Disconnect::ClientGone) => {
                self.gone = true;
                self.session.on_client_gone(now(), &mut self.actions);
            }
            Received::End(reason) => self.session.close(reason, now(), &mut self.actions),
        }
    }

    pub(super) async fn on_filled(&mut self, octets_max: usize) {
        let Ok(items) = self.outbound.take(octets_max) else {
            self.session
                .close(Disconnect::SlowConsumer, now(), &mut self.actions);
            return;
        };
        for item in items {
            match item {
                Item::Events {
                    delivery,
                    subscription,
                } => {
                    self.session.on_event(subscription, delivery.newest());
                    self.writes.push(Outgoing::Events(delivery));
                }
                Item::Answer(answer) => {
                    self.on_answer(*answer);
                    // At once, so that what the session says keeps its place among the events.
                    self.act().await;
                }
            }
        }
    }

    fn on_answer(&mut self, answer: Answer) {
        self.has_new_deadline = true;
        match answer {
            Answer::Authenticated(result) => {
                self.session
                    .on_authenticated(result, now(), &mut self.actions);
            }
            Answer::Outcome(ticket, outcome) => {
                self.session
                    .on_outcome(ticket, outcome, now(), &mut self.actions);
            }
            Answer::Ended(number, refusal) => {
                self.listed.unsubscribed(number);
                self.session
                    .on_ended(number, &refusal, now(), &mut self.actions);
            }
            Answer::Subscribed(number, result) => {
                self.arrival.stand();
                if result
                    .as_ref()
                    .is_err_and(|refusal| refusal.code != ErrorCode::HistoryGone)
                {
                    self.listed.unsubscribed(number);
                }
                self.session
                    .on_subscribed(number, result, now(), &mut self.actions);
            }
        }
    }
}
