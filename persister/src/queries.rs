//! Answers what gateways ask of any persister: heads of chats, pages of history, outcomes of commands, who is
//! where.
//!
//! From a small pool of connections of its own; `Unavailable` at once when the database does not answer, so that
//! the asker can try another persister or tell its client.

mod directory;
mod heads;
mod history;
mod outcome;

use std::future::Future;
use std::time::Duration;

use async_nats::{HeaderMap, Message};
use futures_util::StreamExt;
use sea_orm::{DatabaseConnection, DbErr};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::bus::Bus;
use shared::error_code::ErrorCode;
use shared::lifecycle::Lifecycle;
use shared::query::{QUEUE_GROUP, Reply};
use shared::{metric, subject, trace};
use tokio::time::timeout;
use tracing::{Instrument, Span};

/// Most questions of one kind answered at the same time. More wait in the subscription.
const ANSWERS_MAX: usize = 16;

/// Longest wait for the database per question.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    /// There is something wrong with it.
    #[error("{}", .0.name())]
    Refused(ErrorCode),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Starts to answer all questions, until the process stops.
pub fn spawn(life: &Lifecycle, bus: &Bus, db: &DatabaseConnection) {
    let desk = Desk {
        life: life.clone(),
        bus: bus.clone(),
        db: db.clone(),
    };
    life.spawn_essential(
        subject::HEADS,
        desk.clone().answer(subject::HEADS, heads::answer),
    );
    life.spawn_essential(
        subject::EVENTS,
        desk.clone().answer(subject::EVENTS, history::answer),
    );
    life.spawn_essential(
        subject::DIRECTORY,
        desk.clone().answer(subject::DIRECTORY, directory::answer),
    );
    life.spawn_essential(
        subject::OUTCOME,
        desk.answer(subject::OUTCOME, outcome::answer),
    );
}

/// Where questions come in and what they are answered from.
#[derive(Clone)]
struct Desk {
    life: Lifecycle,
    bus: Bus,
    db: DatabaseConnection,
}

impl Desk {
    /// Answers one kind of question.
    async fn answer<Q, A, F>(self, subject: &'static str, on: impl Fn(DatabaseConnection, Q) -> F)
    where
        Q: DeserializeOwned,
        A: Serialize,
        F: Future<Output = Result<A, Unanswered>>,
    {
        let queue = QUEUE_GROUP.to_owned();
        let mut questions = match self.bus.client.queue_subscribe(subject, queue).await {
            Ok(questions) => questions,
            Err(error) => {
                tracing::error!(subject, %error, "cannot listen for questions");
                return;
            }
        };
        let one = |question: Message| {
            let (desk, on) = (&self, |question| on(self.db.clone(), question));
            async move {
                let Some(reply_to) = question.reply else {
                    return;
                };
                let reply = reply(subject, &question.payload, on);
                let reply: Reply<A> = match traced(subject, question.headers.as_ref()) {
                    Some(span) => reply.instrument(span).await,
                    None => reply.await,
                };
                let payload =
                    serde_json::to_vec(&reply).expect("answers are plain data and serialise");
                let sending = desk.bus.client.publish(reply_to, payload.into());
                if !matches!(timeout(ANSWER_MAX, sending).await, Ok(Ok(()))) {
                    tracing::debug!(subject, "an answer could not be sent");
                }
            }
        };
        questions
            .by_ref()
            .take_until(self.life.stopping())
            .for_each_concurrent(ANSWERS_MAX, one)
            .await;
        // Others of the queue group answer from here on.
        let _ = questions.unsubscribe().await;
    }
}

/// The span of a question that is part of a trace.
fn traced(subject: &'static str, headers: Option<&HeaderMap>) -> Option<Span> {
    let traceparent = headers?.get(trace::HEADER)?;
    let span = tracing::info_span!("answer", subject);
    trace::continue_from(&span, traceparent.as_str());
    Some(span)
}

async fn reply<Q, A, F>(subject: &'static str, payload: &[u8], on: impl Fn(Q) -> F) -> Reply<A>
where
    Q: DeserializeOwned,
    F: Future<Output = Result<A, Unanswered>>,
{
    let reply = match serde_json::from_slice(payload) {
        Err(_) => Err(ErrorCode::MalformedPayload),
        Ok(question) => match timeout(ANSWER_MAX, on(question)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Unanswered::Refused(code))) => Err(code),
            Ok(Err(Unanswered::Database(error))) => {
                tracing::warn!(subject, %error, "a question could not be answered");
                Err(ErrorCode::Unavailable)
            }
            Err(_) => Err(ErrorCode::Unavailable),
        },
    };
    let result = match &reply {
        Ok(_) => "answered",
        Err(code) => code.name(),
    };
    metrics::counter!(metric::QUERIES, "question" => subject, "result" => result).increment(1);
    reply
}
