//! What the session decided, done; and what it counted, told to metrics and the audit trail.

use std::sync::Arc;

use shared::metric;
use tracing::Instrument;

use super::Connection;
use crate::arrivals;
use crate::audit;
use crate::auth::Token;
use crate::fanout::{Subscriber, SubscriberId};
use crate::outbound::{Answer, Outgoing};
use crate::refusal::Refusal;
use crate::session::{Action, Publish};

impl Connection<'_> {
    /// Does what the session decided.
    pub(super) async fn act(&mut self) {
        if !self.let_in {
            let span = self.span.clone();
            span.in_scope(|| self.note_entry());
        }
        if let Some(tally) = self.session.take_tally() {
            for (command, count) in tally.frames() {
                metrics::counter!(metric::FRAMES, "command" => command.name()).increment(count);
            }
            for (code, count) in tally.refusals() {
                metrics::counter!(metric::ERRORS, "code" => code.name()).increment(count);
                self.span.in_scope(|| audit::refused(code, count));
            }
            if tally.repetitions() > 0 {
                metrics::counter!(metric::REPETITIONS).increment(tally.repetitions());
            }
        }
        if !self.actions.is_empty() {
            let span = self.span.clone();
            // In a box, since every connection would keep room for it.
            Box::pin(self.carry_out()).instrument(span).await;
        }
    }

    async fn carry_out(&mut self) {
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Send(frame) => {
                    self.writes.push(Outgoing::Frame(self.framing.wrap(&frame)));
                }
                Action::Authenticate(token) => self.authenticate(token),
                Action::Publish(publish) => {
                    self.arrival.stand();
                    self.submit(&publish);
                }
                Action::Subscribe {
                    number,
                    chat,
                    reader,
                    label,
                    last_event_id,
                } => {
                    if last_event_id.is_none() {
                        // From there the shard is asked, and answers, without waking the other runtime's threads.
                        self.arrival.stand();
                        arrivals::settle().await;
                    }
                    self.listed.subscribed(number, chat);
                    let id = self.subscriber_id(number);
                    let session = Arc::clone(&self.outbound);
                    let subscriber = Subscriber::new(id, reader, label, self.framing, session);
                    self.shared
                        .fanout
                        .subscribe(chat, subscriber, last_event_id)
                        .await;
                }
                Action::Unsubscribe { number, chat } => {
                    self.listed.unsubscribed(number);
                    self.shared
                        .fanout
                        .unsubscribe(chat, self.subscriber_id(number))
                        .await;
                }
                Action::Close(reason) => {
                    self.end.get_or_insert(reason);
                }
            }
        }
    }

    /// Has a token checked; the answer comes through the queue. At once, unless keys have to be fetched for it.
    fn authenticate(&self, token: Option<Token>) {
        let auth = &self.shared.auth;
        if let Some(result) = auth.try_authenticate(token.as_ref()) {
            return self.outbound.push_answer(Answer::Authenticated(result));
        }
        let (auth, outbound) = (auth.clone(), Arc::clone(&self.outbound));
        let task = async move {
            let result = auth.authenticate(token.as_ref()).await;
            outbound.push_answer(Answer::Authenticated(result));
        };
        self.shared.life.spawn(task.in_current_span());
    }

    /// Hands a command on, unless its user sends too much through all sessions together.
    fn submit(&self, publish: &Publish) {
        let in_time = match self.session.user() {
            Some(user) => self.shared.user_rates.send(user),
            None => Ok(()),
        };
        match in_time {
            Ok(()) => {
                let outbound = Arc::clone(&self.outbound);
                self.shared.commands.submit(publish, self.number, outbound);
            }
            Err(retry_after) => {
                let refused = Err(Refusal::rate_limited(retry_after));
                self.outbound
                    .push_answer(Answer::Outcome(publish.ticket, refused));
            }
        }
    }

    /// Tells the audit trail of a session that has just been let in, and its span of the user.
    fn note_entry(&mut self) {
        if self.let_in || !self.session.has_begun() {
            return;
        }
        self.let_in = true;
        // A session that is over already is nothing to look up.
        if let Some(version) = self.session.version() {
            self.listed.let_in(version, self.session.user());
        }
        if let Some(user) = self.session.user() {
            self.span.record("user.id", tracing::field::display(user));
        }
        tracing::info!(target: audit::TARGET, "session begun");
    }

    pub(super) fn subscriber_id(&self, subscription: u32) -> SubscriberId {
        SubscriberId {
            session: self.number,
            subscription,
        }
    }
}
