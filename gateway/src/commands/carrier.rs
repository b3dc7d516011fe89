//! The task that carries commands out: between the sessions, the NATS client and [`Flight`], which decides.
//!
//! Everything that waits is taken before anything is published, and everything published before anybody is
//! answered: under load many commands share one turn of this task, and one write of the NATS client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use futures_util::{FutureExt, StreamExt};
use metrics::{Counter, Gauge, Histogram};
use shared::bus::Bus;
use shared::command::{Command, CommandId, CommandOutcome, Outcome};
use shared::event::EventType;
use shared::{metric, subject};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::Span;

use super::dispatches::Dispatches;
use super::end_typing::EndTyping;
use super::flight::{Flight, Settled, TICK};
use super::message::Word;
use crate::end_to_end::EndToEnd;
use crate::outbound::{Answer, Outbound};
use crate::owners::Owners;
use crate::presence::{Presence, Typing};
use crate::refusal::Refusal;

/// Most inputs of one kind taken in one turn, so that none waits long for another.
const TURN_MAX: usize = 512;

/// Longest wait for room in the NATS client's queue. It has none for long only while NATS hangs, and then the rest of
/// the commands is not to keep this task from hearing of the others.
pub(super) const ROOM_WAIT_MAX: Duration = TICK;

/// Longest wait for that room at the start.
const SUBSCRIBE_MAX: Duration = Duration::from_secs(2);

/// A command of a session.
pub(super) struct Submission {
    /// Number of the session.
    pub(super) session: u64,
    /// What is asked for.
    pub(super) command: Command,
    /// What its answer needs.
    pub(super) sender: Sender,
}

/// Whom to answer, and how.
pub(super) struct Sender {
    /// Names the command in its answer.
    pub(super) ticket: u64,
    /// Where the answer goes.
    pub(super) outbound: Arc<Outbound>,
    /// When the command came.
    pub(super) came: Instant,
    /// Of its trace, if traces are exported.
    pub(super) span: Span,
}

/// What the task needs.
pub(super) struct Carrier {
    pub(super) bus: Bus,
    pub(super) owners: Arc<Owners>,
    pub(super) gateway: String,
    pub(super) presence: Presence,
    pub(super) end_to_end: EndToEnd,
    pub(super) end_typing: EndTyping,
    pub(super) flight: Flight<Sender>,
    pub(super) dispatches: Dispatches,
    pub(super) submissions: mpsc::Receiver<Submission>,
    /// Commands whose outcome is to be asked for.
    pub(super) asks: mpsc::Sender<CommandId>,
    /// What the persisters answered.
    pub(super) answers: mpsc::Receiver<Vec<(CommandId, Outcome)>>,
    pub(super) meters: Meters,
}

/// Handles of what is counted for each command.
pub(super) struct Meters {
    pending: Gauge,
    seconds: Histogram,
    stored: [Counter; EventType::ALL.len()],
}

impl Default for Meters {
    fn default() -> Self {
        let stored = |kind: EventType| metrics::counter!(metric::COMMANDS, "type" => kind.name(), "outcome" => "stored");
        Self {
            pending: metrics::gauge!(metric::COMMANDS_PENDING),
            seconds: metrics::histogram!(metric::COMMAND_SECONDS),
            stored: EventType::ALL.map(stored),
        }
    }
}

/// The task's subscriptions.
struct Ears {
    /// What NATS says of commands.
    words: Subscriber,
    /// What became of commands.
    outcomes: Subscriber,
}

impl Carrier {
    /// Runs until the NATS client or the sessions end.
    pub(super) async fn run(mut self) {
        // Each answer of NATS names its message in the last part of its subject.
        let inbox = self.bus.client.new_inbox();
        let subscribed = async {
            let client = &self.bus.client;
            let words = client.subscribe(format!("{inbox}.*")).await.ok()?;
            let outcomes = client.subscribe(subject::outcomes(&self.gateway)).await;
            Some(Ears {
                words,
                outcomes: outcomes.ok()?,
            })
        };
        let Ok(Some(mut ears)) = tokio::time::timeout(SUBSCRIBE_MAX, subscribed).await else {
            tracing::error!("cannot subscribe to the outcomes of commands");
            return;
        };
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(TURN_MAX);
        loop {
            tokio::select! {
                taken = self.submissions.recv_many(&mut batch, TURN_MAX) => if taken == 0 { return },
                word = ears.words.next() => match word {
                    Some(word) => self.on_word(&word),
                    None => return,
                },
                outcomes = ears.outcomes.next() => match outcomes {
                    Some(outcomes) => self.on_outcomes(&outcomes),
                    None => return,
                },
                Some(answers) = self.answers.recv() => self.on_answers(answers),
                _ = tick.tick(), if self.flight.len() > 0 => {
                    self.flight.on_tick(self.bus.is_connected(), Instant::now());
                    self.dispatches.on_tick(Instant::now());
                }
            }
            self.take_the_rest(&mut ears, &mut batch);
            let now = Instant::now();
            for submission in batch.drain(..) {
                let Submission {
                    session,
                    command,
                    sender,
                } = submission;
                self.flight.submit(session, command, sender, now);
            }
            self.publish(&inbox).await;
            for id in self.flight.take_asks() {
                // Full: the command's own next wait asks again.
                let _ = self.asks.try_send(id);
            }
            self.answer();
            #[expect(clippy::cast_precision_loss, reason = "far from 2^52")]
            self.meters.pending.set(self.flight.len() as f64);
        }
    }

    /// Whatever came meanwhile shares this turn.
    fn take_the_rest(&mut self, ears: &mut Ears, batch: &mut Vec<Submission>) {
        for _ in 0..TURN_MAX {
            match ears.words.next().now_or_never() {
                Some(Some(word)) => self.on_word(&word),
                _ => break,
            }
        }
        for _ in 0..TURN_MAX {
            match ears.outcomes.next().now_or_never() {
                Some(Some(outcomes)) => self.on_outcomes(&outcomes),
                _ => break,
            }
        }
        while batch.len() < TURN_MAX
            && let Ok(submission) = self.submissions.try_recv()
        {
            batch.push(submission);
        }
    }

    fn on_word(&mut self, answer: &Message) {
        let number = answer.subject.rsplit('.').next().map(str::parse);
        let Some(Ok(number)) = number else {
            tracing::error!(subject = %answer.subject, "an answer of NATS names no message");
            return;
        };
        let word = Word::read(answer);
        let now = Instant::now();
        for command in self.dispatches.end(number) {
            if !matches!(word, Word::Accepted { .. })
                && let Some(underway) = self.flight.get(command)
            {
                let said = String::from_utf8_lossy(&answer.payload);
                tracing::warn!(command.id = %underway.command.id, status = ?answer.status, %said, "NATS has not taken a command");
            }
            self.flight.on_word(command, word, now);
        }
    }

    fn on_outcomes(&mut self, message: &Message) {
        match serde_json::from_slice::<Vec<CommandOutcome>>(&message.payload) {
            Ok(list) => {
                let now = Instant::now();
                for entry in list {
                    self.flight.on_outcome(entry.id, entry.outcome, now);
                }
            }
            Err(error) => tracing::error!(%error, "a message with outcomes cannot be read"),
        }
    }

    fn on_answers(&mut self, answers: Vec<(CommandId, Outcome)>) {
        let now = Instant::now();
        for (id, outcome) in answers {
            self.flight.on_outcome(id, outcome, now);
        }
    }

    fn answer(&mut self) {
        for settled in self.flight.take_settled() {
            let Settled {
                command,
                what: sender,
                result,
                because,
            } = settled;
            if let Some(because) = because {
                tracing::warn!(parent: &sender.span, reason = because, command.id = %command.id, chat.id = %command.chat_id, user.id = %command.author_id, "a command has no outcome");
            }
            self.meters.seconds.record(sender.came.elapsed());
            match result {
                Ok(event) => {
                    self.meters.stored[command.kind as usize].increment(1);
                    self.end_to_end.on_stored(event, sender.came);
                    let typing = Typing {
                        chat: command.chat_id,
                        since: event,
                    };
                    let present = self
                        .presence
                        .on_stored(command.author_id, command.kind, typing);
                    if !present && command.kind == EventType::StartTyping {
                        self.end_typing.of(command.author_id, vec![typing]);
                    }
                }
                Err(code) => {
                    metrics::counter!(metric::COMMANDS, "type" => command.kind.name(), "outcome" => code.name())
                        .increment(1);
                }
            }
            let answer = result
                .map_err(|code| Refusal::for_outcome(code, command.author_id, command.chat_id));
            sender
                .outbound
                .push_answer(Answer::Outcome(sender.ticket, answer));
        }
    }
}
