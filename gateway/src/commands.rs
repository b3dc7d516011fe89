//! From a SEND to its outcome: publishes the command, awaits what became of it, tells the session.

mod asking;
mod carrier;
mod dispatches;
mod end_typing;
mod flight;
mod lanes;
mod message;
mod publishing;

use std::sync::Arc;
use std::time::Instant;

use shared::bus::Bus;
use shared::command::{Command, CommandId};
use shared::error_code::ErrorCode;
use shared::lifecycle::Lifecycle;
use shared::{metric, trace};
use tokio::sync::mpsc;
use tracing::Span;

use self::carrier::{Carrier, Meters, Sender, Submission};
use self::dispatches::Dispatches;
use self::end_typing::EndTyping;
use self::flight::{Bounds, Flight};
use crate::config::CommandConfig;
use crate::end_to_end::EndToEnd;
use crate::outbound::{Answer, Outbound};
use crate::owners::Owners;
use crate::presence::Presence;
use crate::refusal::Refusal;
use crate::session::Publish;

/// Most commands of all sessions that have come and were not looked at yet. One more is refused with UNAVAILABLE.
const SUBMISSIONS_MAX: usize = 16_384;

/// Everything needed to have commands carried out; cheap to clone.
#[derive(Clone)]
pub struct Commands {
    submissions: mpsc::Sender<Submission>,
    presence: Presence,
    end_to_end: EndToEnd,
    end_typing: EndTyping,
}

impl Commands {
    /// Starts to carry out commands of the gateway called `gateway`.
    pub fn start(
        bus: &Bus,
        owners: Arc<Owners>,
        gateway: String,
        config: &CommandConfig,
        presence: Presence,
        life: &Lifecycle,
    ) -> Self {
        let (submissions, submitted) = mpsc::channel(SUBMISSIONS_MAX);
        let (asks, asked) = mpsc::channel(asking::ASKS_MAX);
        let (answers, answered) = mpsc::channel(asking::ANSWERS_MAX);
        let end_typing = EndTyping::new(
            bus.clone(),
            Arc::clone(&owners),
            gateway.clone(),
            presence.clone(),
            life.clone(),
        );
        let end_to_end = EndToEnd::default();
        let bounds = Bounds {
            places: config.commands_pending_max as usize,
            deadline: config.command_deadline,
        };
        let carrier = Carrier {
            bus: bus.clone(),
            owners,
            gateway,
            presence: presence.clone(),
            end_to_end: end_to_end.clone(),
            end_typing: end_typing.clone(),
            flight: Flight::new(bounds, Instant::now()),
            dispatches: Dispatches::default(),
            submissions: submitted,
            asks,
            answers: answered,
            meters: Meters::default(),
        };
        life.spawn_attendant("commands", carrier.run());
        life.spawn_attendant(
            "questions about commands",
            asking::run(bus.client.clone(), asked, answers),
        );
        Self {
            submissions,
            presence,
            end_to_end,
            end_typing,
        }
    }

    /// Measures from the SENDs that come here to the delivery of their events.
    pub fn end_to_end(&self) -> EndToEnd {
        self.end_to_end.clone()
    }

    /// Takes note of a session.
    pub fn on_session_begin(&self, session: u64) {
        self.presence.begin(session);
    }

    /// A session has ended: whoever left with it stops typing.
    pub fn on_session_end(&self, session: u64) {
        for (user, typing) in self.presence.end(session) {
            self.end_typing.of(user, typing);
        }
    }

    /// Carries a command of session `number` out in the background; its answer goes to `session`.
    pub fn submit(&self, publish: &Publish, number: u64, session: Arc<Outbound>) {
        self.presence.speaks_for(number, publish.author);
        let span = if trace::is_exported() {
            let span = tracing::info_span!("command", r#type = %publish.kind, chat.id = %publish.chat, user.id = %publish.author);
            if let Some(traceparent) = &publish.traceparent {
                trace::continue_from(&span, traceparent);
            }
            span
        } else {
            // Nobody would look at it, and it costs more than the rest of this.
            Span::none()
        };
        let id = match &publish.idempotency_key {
            Some(key) => CommandId::from_key(publish.author, key),
            None => CommandId::fresh(),
        };
        let submission = Submission {
            session: number,
            command: Command {
                id,
                kind: publish.kind,
                author_id: publish.author,
                chat_id: publish.chat,
                if_typing_since: None,
            },
            sender: Sender {
                ticket: publish.ticket,
                outbound: session,
                came: Instant::now(),
                span,
            },
        };
        if let Err(unsent) = self.submissions.try_send(submission) {
            tracing::warn!(chat.id = %publish.chat, "command refused: too many have come at once");
            let code = ErrorCode::Unavailable;
            metrics::counter!(metric::COMMANDS, "type" => publish.kind.name(), "outcome" => code.name())
                .increment(1);
            let refusal = Refusal::for_outcome(code, publish.author, publish.chat);
            let sender = unsent.into_inner().sender;
            sender
                .outbound
                .push_answer(Answer::Outcome(sender.ticket, Err(refusal)));
        }
    }
}
