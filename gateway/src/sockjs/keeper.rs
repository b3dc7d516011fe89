//! The task that keeps one SockJS session of this gateway: its deadlines, its name among the gateways, and the
//! questions of those to which its client's requests came.
//!
//! **One holder.** A gateway that was told by NATS that nobody holds a session subscribes to its name, claims it
//! with a random number and waits for the echo of that claim before it answers the client; then everybody's
//! questions reach it. Two gateways can do so at the same time, when a request was repeated. Since each
//! subscribes before it claims, at least one of them hears the other's claim: the greater one ends its session
//! at once, the smaller one repeats its own. Claims are also repeated after every reconnect and now and then,
//! because a cluster of NATS servers or a partitioned network may have kept the two apart for a while. No clock
//! decides anything. A client library opens its session with one request and waits for the answer, so for it
//! there is no race at all.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subject, Subscriber};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use uuid::Uuid;

use super::handle::{NotAccepted, SessionHandle, Tended};
use super::path::SessionKey;
use super::relay::{self, ANSWER_WAIT_MAX, Answer, Question, SILENCE_MAX};
use super::session::{another_connection_frame, interrupted_frame};
use super::sessions::SockJs;

/// Longest wait for NATS while a session is made.
pub const CLAIM_WAIT_MAX: Duration = Duration::from_secs(2);

/// Longest wait for NATS when a session has ended.
const UNSUBSCRIBE_WAIT_MAX: Duration = Duration::from_secs(1);

/// How often a holder repeats its claim.
const CLAIM_INTERVAL: Duration = Duration::from_secs(30);

/// Most questions of other gateways under way for one session; more are answered as busy. A client has one
/// receiving and one sending request.
const QUESTIONS_MAX: usize = 8;

/// A session and its keeper's tools.
pub struct Keeper {
    sockjs: SockJs,
    key: SessionKey,
    handle: Arc<SessionHandle>,
    claim: Uuid,
    /// Told when the claim is made; dropped when it is lost.
    claimed: Option<oneshot::Sender<()>>,
    places: Arc<Semaphore>,
}

impl Keeper {
    /// The keeper of a session that was just put into the registry, and what tells that it is ours.
    pub fn new(
        sockjs: SockJs,
        key: SessionKey,
        handle: Arc<SessionHandle>,
    ) -> (Self, oneshot::Receiver<()>) {
        let (claimed, is_ours) = oneshot::channel();
        let places = Arc::new(Semaphore::new(QUESTIONS_MAX));
        (
            Self {
                sockjs,
                key,
                handle,
                claim: Uuid::new_v4(),
                claimed: Some(claimed),
                places,
            },
            is_ours,
        )
    }

    /// Keeps the session until nothing is left of it.
    pub async fn run(mut self) {
        let subscribed = self
            .sockjs
            .bus()
            .client
            .subscribe(self.key.subject().to_owned());
        if let Ok(Ok(mut questions)) = timeout(CLAIM_WAIT_MAX, subscribed).await {
            let kept = self.keep(&mut questions).await;
            self.handle.interrupt();
            // Another holder, if there is one, answers; two answers would be one too many.
            if kept {
                self.unsubscribe(questions).await;
            }
        }
        self.handle.interrupt();
        self.sockjs.registry().remove(&self.key, &self.handle);
    }

    /// Inputs: questions of other gateways, changes of the session and its deadline, reconnects, the repetition
    /// of claims, the request to stop. Returns whether the session was ours to the end.
    async fn keep(&mut self, questions: &mut Subscriber) -> bool {
        let life = self.sockjs.life().clone();
        let mut changes = self.handle.changes();
        let mut connections = self.sockjs.bus().connections();
        connections.mark_unchanged();
        let mut claims = interval_at(Instant::now() + CLAIM_INTERVAL, CLAIM_INTERVAL);
        claims.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.tell_claim().await;
        loop {
            let Tended::Kept { due } = self.handle.tend() else {
                return true;
            };
            if life.is_stopping() && self.handle.is_told() {
                return true;
            }
            tokio::select! {
                question = questions.next() => {
                    let Some(question) = question else { return true };
                    if !self.on_question(question).await {
                        return false;
                    }
                }
                _ = changes.changed() => {}
                () = sleep_until(due), if due.is_some() => {}
                Ok(()) = connections.changed() => self.tell_claim().await,
                _ = claims.tick() => self.tell_claim().await,
                () = life.stopping(), if !life.is_stopping() => {}
            }
        }
    }

    /// Gives the session's name up. Questions that NATS has handed out already are answered, or their askers
    /// would wait for nothing.
    async fn unsubscribe(&mut self, mut questions: Subscriber) {
        let answered = async {
            if questions.drain().await.is_ok() {
                while let Some(question) = questions.next().await {
                    self.on_question(question).await;
                }
            }
        };
        // In an outage nobody is asking.
        let _ = timeout(UNSUBSCRIBE_WAIT_MAX, answered).await;
    }

    async fn tell_claim(&self) {
        relay::tell(
            self.sockjs.bus(),
            &self.key,
            &Question::Claim { claim: self.claim },
        )
        .await;
    }

    /// False when the session turns out to be another gateway's.
    async fn on_question(&mut self, message: Message) -> bool {
        let question = match serde_json::from_slice(&message.payload) {
            Ok(question) => question,
            Err(error) => {
                tracing::error!(%error, "another gateway's question about a SockJS session cannot be read");
                return true;
            }
        };
        match question {
            Question::Claim { claim } if claim == self.claim => {
                // Nobody waiting any more means that the client left before it could hear of this session.
                return self
                    .claimed
                    .take()
                    .is_none_or(|claimed| claimed.send(()).is_ok());
            }
            Question::Claim { claim } if claim < self.claim || self.handle.is_closed() => {
                tracing::info!("a SockJS session was opened on two gateways; this one gives way");
                return false;
            }
            Question::Claim { .. } => self.tell_claim().await,
            Question::Abort { receiver } => self.handle.abort(receiver),
            question => {
                let Some(reply) = message.reply else {
                    return true;
                };
                match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => self.spawn_answer(question, reply, place),
                    Err(_) => respond(&self.sockjs, reply, Answer::Busy).await,
                }
            }
        }
        true
    }

    fn spawn_answer(&self, question: Question, reply: Subject, place: OwnedSemaphorePermit) {
        let (sockjs, handle) = (self.sockjs.clone(), Arc::clone(&self.handle));
        self.sockjs.life().spawn(async move {
            let answer = answer(&handle, question).await;
            respond(&sockjs, reply, answer).await;
            drop(place);
        });
    }
}

fn sleep_until(due: Option<std::time::Instant>) -> impl Future<Output = ()> {
    // Only polled when there is a deadline.
    tokio::time::sleep_until(due.map_or_else(Instant::now, Instant::from_std))
}

/// Does what another gateway asks for.
async fn answer(handle: &SessionHandle, question: Question) -> Answer {
    match question {
        Question::Attach { receiver, appetite } => {
            match handle.attach(receiver, Some(SILENCE_MAX)).await {
                Ok(()) => handle
                    .take(receiver, appetite)
                    .map_or(Answer::Nothing, Answer::from),
                Err(_) => another_connection_frame().into(),
            }
        }
        Question::Next { receiver, appetite } => {
            handle.renew(receiver, SILENCE_MAX);
            timeout(ANSWER_WAIT_MAX, handle.next(receiver, appetite))
                .await
                .map_or(Answer::Nothing, Answer::from)
        }
        Question::Release { receiver } => {
            handle.release(receiver);
            Answer::Nothing
        }
        Question::Send { messages } => match handle.accept(messages).await {
            Ok(()) => Answer::Nothing,
            Err(NotAccepted::Gone) => Answer::Gone,
            Err(NotAccepted::Busy) => Answer::Busy,
        },
        Question::Abort { .. } | Question::Claim { .. } => interrupted_frame().into(),
    }
}

async fn respond(sockjs: &SockJs, reply: Subject, answer: Answer) {
    let published = sockjs.bus().client.publish(reply, relay::encode(&answer));
    if !matches!(timeout(SILENCE_MAX, published).await, Ok(Ok(()))) {
        tracing::debug!("could not answer another gateway");
    }
}
