//! Answers what gateways ask of any persister: heads of chats, pages of history, outcomes of commands.
//!
//! From a small pool of connections of its own; `Unavailable` at once when the database does not answer, so that
//! the asker can try another persister or tell its client.

mod heads;
mod history;
mod outcome;

use std::future::Future;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use sea_orm::{DatabaseConnection, DbErr};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::bus::Bus;
use shared::error_code::ErrorCode;
use shared::lifecycle::Lifecycle;
use shared::query::{QUEUE_GROUP, Reply};
use shared::{metric, subject};
use tokio::time::timeout;

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
    let db = db.clone();
    let answering = (life.clone(), bus.clone());
    let on = {
        let db = db.clone();
        move |question| heads::answer(db.clone(), question)
    };
    life.spawn_essential(
        subject::HEADS,
        answer(answering.clone(), subject::HEADS, on),
    );
    let on = {
        let db = db.clone();
        move |question| history::answer(db.clone(), question)
    };
    life.spawn_essential(
        subject::EVENTS,
        answer(answering.clone(), subject::EVENTS, on),
    );
    let on = move |question| outcome::answer(db.clone(), question);
    life.spawn_essential(subject::OUTCOME, answer(answering, subject::OUTCOME, on));
}

/// Answers one kind of question.
async fn answer<Q, A, F>((life, bus): (Lifecycle, Bus), subject: &'static str, on: impl Fn(Q) -> F)
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Unanswered>>,
{
    let questions = match bus
        .client
        .queue_subscribe(subject, QUEUE_GROUP.to_owned())
        .await
    {
        Ok(questions) => questions,
        Err(error) => {
            tracing::error!(subject, %error, "cannot listen for questions");
            return;
        }
    };
    let one = |question: Message| {
        let (bus, on) = (&bus, &on);
        async move {
            let Some(reply_to) = question.reply else {
                return;
            };
            let reply: Reply<A> = reply(subject, &question.payload, on).await;
            let payload = serde_json::to_vec(&reply).expect("answers are plain data and serialise");
            let sending = bus.client.publish(reply_to, payload.into());
            if !matches!(timeout(ANSWER_MAX, sending).await, Ok(Ok(()))) {
                tracing::debug!(subject, "an answer could not be sent");
            }
        }
    };
    let mut questions: Subscriber = questions;
    let unasked = questions
        .by_ref()
        .take_until(life.stopping())
        .for_each_concurrent(ANSWERS_MAX, one);
    unasked.await;
    // Others of the queue group answer from here on.
    let _ = questions.unsubscribe().await;
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
