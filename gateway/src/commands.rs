//! From a SEND to its outcome: publishes the command, awaits what became of it, tells the session.
//!
//! What is known for certain decides what the sender hears. Before anything was published: UNAVAILABLE, it did
//! not take effect. Once something may have left this process, only NATS's refusal of the very first attempt
//! proves that nothing happened; everything else that brings no outcome is OUTCOME_UNKNOWN.

mod refused;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, publish::PublishAck};
use shared::bus::Bus;
use shared::command::{Command, CommandBody, CommandId, GATEWAY_HEADER, Outcome};
use shared::error_code::ErrorCode;
use shared::event::EventType;
use shared::id::{EventId, UserId};
use shared::lifecycle::Lifecycle;
use shared::{metric, subject, trace};
use tokio::sync::{Semaphore, oneshot};
use tracing::Instrument;

use self::refused::is_refusal;
use crate::config::CommandConfig;
use crate::end_to_end::EndToEnd;
use crate::outbound::{Answer, Outbound};
use crate::outcomes::Outcomes;
use crate::owners::Owners;
use crate::presence::{self, Presence, Typing};
use crate::refusal::Refusal;
use crate::session::Publish;

/// Longest wait for a place among the pending commands.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Wait for NATS's word that it has the command before publishing it again, under the same id.
const ACCEPT_WAIT: Duration = Duration::from_secs(1);

/// Wait before publishing again. While a stream has no leader, NATS says so at once, again and again.
const PUBLISH_AGAIN: Duration = Duration::from_millis(100);

/// Wait for the outcome before asking the persisters for it, and between questions.
const OUTCOME_WAIT: Duration = Duration::from_secs(2);

/// The same for a repetition, whose first copy is usually settled already or about to be.
const REPETITION_WAIT: Duration = Duration::from_millis(200);

/// Times that the end of somebody's typing is published without NATS's confirmation.
const STOP_TYPING_TRIES_MAX: u32 = 3;

/// With NATS gone for this long after something was published, the sender is told OUTCOME_UNKNOWN without
/// waiting for the deadline, so that an outage shows within five seconds.
const OUTAGE_WAIT_MAX: Duration = Duration::from_secs(4);

/// Everything needed to carry commands out; cheap to clone.
#[derive(Clone)]
pub struct Commands {
    inner: Arc<Inner>,
}

struct Inner {
    bus: Bus,
    context: jetstream::Context,
    owners: Arc<Owners>,
    outcomes: Outcomes,
    gateway: String,
    places: Semaphore,
    deadline: Duration,
    presence: Presence,
    end_to_end: EndToEnd,
    life: Lifecycle,
}

impl Commands {
    /// Commands of the gateway called `gateway`, whose outcomes arrive at `outcomes`.
    pub fn new(
        bus: Bus,
        owners: Arc<Owners>,
        outcomes: Outcomes,
        gateway: String,
        config: &CommandConfig,
        presence: Presence,
        life: Lifecycle,
    ) -> Self {
        let places = config.commands_pending_max as usize;
        let context = jetstream::context::ContextBuilder::new()
            .timeout(ACCEPT_WAIT)
            .ack_timeout(ACCEPT_WAIT)
            .max_ack_inflight(places)
            .build(bus.client.clone());
        let places = Semaphore::new(places);
        let deadline = config.command_deadline;
        Self {
            inner: Arc::new(Inner {
                bus,
                context,
                owners,
                outcomes,
                gateway,
                places,
                deadline,
                presence,
                end_to_end: EndToEnd::default(),
                life,
            }),
        }
    }

    /// Measures from the SENDs that come here to the delivery of their events.
    pub fn end_to_end(&self) -> EndToEnd {
        self.inner.end_to_end.clone()
    }

    /// Takes note of a session.
    pub fn on_session_begin(&self, session: u64) {
        self.inner.presence.begin(session);
    }

    /// A session has ended: whoever left with it stops typing.
    pub fn on_session_end(&self, session: u64) {
        for (user, typing) in self.inner.presence.end(session) {
            self.stop_typing(user, typing);
        }
    }

    fn stop_typing(&self, user: UserId, typing: Vec<Typing>) {
        let commands = self.clone();
        self.inner.life.spawn(async move {
            let inner = &commands.inner;
            if !presence::is_elsewhere(&inner.presence, &inner.bus, user, &typing).await {
                for typing in typing {
                    inner.stop_typing(user, typing).await;
                }
            }
        });
    }

    /// Carries a command of session `number` out in the background; its answers go to `session`.
    pub fn submit(&self, publish: Publish, number: u64, session: Arc<Outbound>) {
        self.inner.presence.speaks_for(number, publish.author);
        let span = tracing::info_span!("command", r#type = %publish.kind, chat.id = %publish.chat, user.id = %publish.author);
        if let Some(traceparent) = &publish.traceparent {
            trace::continue_from(&span, traceparent);
        }
        let commands = self.clone();
        let started = Instant::now();
        let task = async move {
            let pending = metrics::gauge!(metric::COMMANDS_PENDING);
            pending.increment(1);
            let outcome = commands.inner.carry_out(&publish, &session, started).await;
            pending.decrement(1);
            let label = outcome
                .as_ref()
                .map_or_else(|code| code.name(), |_| "stored");
            metrics::counter!(metric::COMMANDS, "type" => publish.kind.name(), "outcome" => label)
                .increment(1);
            metrics::histogram!(metric::COMMAND_SECONDS).record(started.elapsed());
            if let Ok(event) = outcome {
                commands.inner.end_to_end.on_stored(event, started);
                commands.on_stored(&publish, event);
            }
            let answer =
                outcome.map_err(|code| Refusal::for_outcome(code, publish.author, publish.chat));
            session.push_answer(Answer::Outcome(publish.ticket, answer));
        };
        self.inner.life.spawn(task.instrument(span));
    }

    fn on_stored(&self, publish: &Publish, event: EventId) {
        let typing = Typing {
            chat: publish.chat,
            since: event,
        };
        let present = self
            .inner
            .presence
            .on_stored(publish.author, publish.kind, typing);
        if !present && publish.kind == EventType::StartTyping {
            self.stop_typing(publish.author, vec![typing]);
        }
    }
}

impl Inner {
    /// Asks for the end of typing that its author can no longer end. What cannot be published is left to the lease.
    async fn stop_typing(&self, author: UserId, typing: Typing) {
        let Some(partitions) = self.owners.partitions() else {
            return;
        };
        let command = Command {
            id: CommandId::stop_typing(typing.since),
            kind: EventType::StopTyping,
            author_id: author,
            chat_id: typing.chat,
            if_typing_since: Some(typing.since),
        };
        let subject = subject::command(partitions, command.chat_id, command.kind);
        for _ in 0..STOP_TYPING_TRIES_MAX {
            match self.publish_once(&command, subject.clone()).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, command.id = %command.id, "typing could not be ended");
                }
            }
            tokio::time::sleep(PUBLISH_AGAIN).await;
        }
    }

    async fn carry_out(
        &self,
        publish: &Publish,
        session: &Outbound,
        started: Instant,
    ) -> Result<EventId, ErrorCode> {
        if !self.bus.is_connected() {
            return Err(ErrorCode::Unavailable);
        }
        let partitions = self.owners.check(publish.chat, started).map_err(|reason| {
            tracing::warn!(%reason, "command refused");
            ErrorCode::Unavailable
        })?;
        let Ok(Ok(_place)) = tokio::time::timeout(PLACE_WAIT_MAX, self.places.acquire()).await
        else {
            tracing::warn!("command refused: too many are pending");
            return Err(ErrorCode::Unavailable);
        };
        let id = match &publish.idempotency_key {
            Some(key) => CommandId::from_key(publish.author, key),
            None => CommandId::fresh(),
        };
        let command = Command {
            id,
            kind: publish.kind,
            author_id: publish.author,
            chat_id: publish.chat,
            if_typing_since: None,
        };
        let subject = subject::command(partitions, command.chat_id, command.kind);
        let outcome = self.outcomes.expect(id);
        let settled = self.publish_and_await(&command, subject, publish.ticket, session, outcome);
        let settled = tokio::time::timeout(self.deadline, settled)
            .await
            .unwrap_or_else(|_| {
                tracing::warn!(command.id = %id, "no outcome before the deadline");
                Err(ErrorCode::OutcomeUnknown)
            });
        self.outcomes.forget(id);
        settled
    }

    /// Publishes until NATS has the command, then awaits its outcome. The caller bounds the whole.
    async fn publish_and_await(
        &self,
        command: &Command,
        subject: String,
        ticket: u64,
        session: &Outbound,
        mut outcome: oneshot::Receiver<Outcome>,
    ) -> Result<EventId, ErrorCode> {
        let mut connected = Instant::now();
        let mut may_have_effect = false;
        let duplicate = loop {
            tokio::select! {
                // A repeated command may be settled by its first copy before NATS answers for this one.
                settled = &mut outcome => return settle(settled),
                accepted = self.publish_once(command, subject.clone()) => match accepted {
                    Ok(ack) => break ack.duplicate,
                    Err(error) if is_refusal(&error) && !may_have_effect => {
                        tracing::warn!(%error, "NATS refused a command");
                        return Err(ErrorCode::Unavailable);
                    }
                    Err(error) => {
                        tracing::warn!(%error, command.id = %command.id, "NATS has not confirmed a command; publishing it again");
                        may_have_effect = true;
                    }
                }
            }
            tokio::time::sleep(PUBLISH_AGAIN).await;
            if self.bus.is_connected() {
                connected = Instant::now();
            } else {
                let back = tokio::time::timeout(
                    OUTAGE_WAIT_MAX.saturating_sub(connected.elapsed()),
                    self.bus.wait_connected(),
                );
                if back.await.is_err() {
                    return Err(ErrorCode::OutcomeUnknown);
                }
            }
        };
        session.push_answer(Answer::Accepted(ticket));
        // The first copy of a duplicate may be settled already, and its outcome told to somebody else.
        let wait = if duplicate {
            REPETITION_WAIT
        } else {
            OUTCOME_WAIT
        };
        let mut ask = duplicate;
        loop {
            if ask {
                self.outcomes.ask(command.id);
            }
            match tokio::time::timeout(wait, &mut outcome).await {
                Ok(settled) => return settle(settled),
                Err(_) => ask = true,
            }
        }
    }

    async fn publish_once(
        &self,
        command: &Command,
        subject: String,
    ) -> Result<PublishAck, PublishError> {
        let body = CommandBody {
            author_id: command.author_id,
            chat_id: command.chat_id,
            if_typing_since: command.if_typing_since,
        };
        let body =
            serde_json::to_vec(&body).expect("a command body is plain data and always serialises");
        let mut message = PublishMessage::build()
            .payload(body.into())
            .message_id(command.id.to_string())
            .header(GATEWAY_HEADER, self.gateway.as_str());
        if let Some(traceparent) = trace::traceparent(&tracing::Span::current()) {
            message = message.header(trace::HEADER, traceparent);
        }
        let attempt = async { self.context.send_publish(subject, message).await?.await };
        // The context's own time-out starts only when the message has left its queue.
        tokio::time::timeout(ACCEPT_WAIT * 2, attempt)
            .await
            .unwrap_or_else(|_| Err(PublishError::new(PublishErrorKind::TimedOut)))
    }
}

/// What an outcome means for the sender. No outcome at all only comes of the registry's end, with the process.
fn settle<E>(outcome: Result<Outcome, E>) -> Result<EventId, ErrorCode> {
    match outcome.unwrap_or(Outcome::Rejected(ErrorCode::OutcomeUnknown)) {
        Outcome::Stored(event) => Ok(event),
        Outcome::Rejected(code) => Err(code),
    }
}
