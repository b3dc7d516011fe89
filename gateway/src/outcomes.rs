//! Who waits for the outcome of which command.
//!
//! Outcomes come by themselves on `out.<gateway>`. One that does not (NATS was away, or the command is a
//! repetition whose first copy was answered elsewhere) is asked for, many commands in one question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use shared::bus::Bus;
use shared::command::{CommandId, CommandOutcome, Outcome};
use shared::query::{CommandState, OUTCOMES_MAX, OutcomeRequest};
use shared::subject;
use tokio::sync::{mpsc, oneshot};

use crate::questions;

/// Most commands whose outcome is to be asked for next. Beyond it a command asks again after its next wait.
const QUESTIONS_MAX: usize = 4_096;

/// Longest wait for room in the NATS client's queue at start.
const SUBSCRIBE_MAX: Duration = Duration::from_secs(2);

/// The registry; cheap to clone.
#[derive(Debug, Clone)]
pub struct Outcomes {
    waiting: Arc<Mutex<HashMap<CommandId, Vec<oneshot::Sender<Outcome>>>>>,
    questions: mpsc::Sender<CommandId>,
}

/// The registry and what its task needs.
pub fn new() -> (Outcomes, mpsc::Receiver<CommandId>) {
    let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
    (
        Outcomes {
            waiting: Arc::default(),
            questions,
        },
        asked,
    )
}

impl Outcomes {
    /// The outcome of a command, once it is known. Several may wait for the same one.
    pub fn expect(&self, id: CommandId) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        self.lock().entry(id).or_default().push(sender);
        receiver
    }

    /// Drops those who no longer wait for this command.
    pub fn forget(&self, id: CommandId) {
        let mut waiting = self.lock();
        if let Some(senders) = waiting.get_mut(&id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(&id);
            }
        }
    }

    /// Has the persisters asked about a command.
    pub fn ask(&self, id: CommandId) {
        // Full: the command's own next wait asks again.
        let _ = self.questions.try_send(id);
    }

    fn settle(&self, id: CommandId, outcome: Outcome) {
        for sender in self.lock().remove(&id).unwrap_or_default() {
            // Whoever stopped waiting has been answered otherwise.
            let _ = sender.send(outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CommandId, Vec<oneshot::Sender<Outcome>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes outcomes from NATS and asks for those that do not come. Ends with the NATS client.
pub async fn run(
    outcomes: Outcomes,
    mut asked: mpsc::Receiver<CommandId>,
    bus: Bus,
    gateway: String,
) {
    let subscribed = tokio::time::timeout(
        SUBSCRIBE_MAX,
        bus.client.subscribe(subject::outcomes(&gateway)),
    )
    .await;
    let Ok(Ok(mut told)) = subscribed else {
        tracing::error!("cannot subscribe to outcomes");
        return;
    };
    let answering = async {
        while let Some(message) = told.next().await {
            match serde_json::from_slice::<Vec<CommandOutcome>>(&message.payload) {
                Ok(list) => list
                    .into_iter()
                    .for_each(|entry| outcomes.settle(entry.id, entry.outcome)),
                Err(error) => tracing::error!(%error, "a message with outcomes cannot be read"),
            }
        }
    };
    let asking = async {
        let mut ids = Vec::new();
        while asked.recv_many(&mut ids, OUTCOMES_MAX).await > 0 {
            let request = OutcomeRequest {
                ids: std::mem::take(&mut ids),
            };
            if let Ok(answer) = questions::outcomes(&bus.client, &request).await {
                for (id, state) in request.ids.iter().zip(answer.states) {
                    if let CommandState::Settled(outcome) = state {
                        outcomes.settle(*id, outcome);
                    }
                }
            }
        }
    };
    tokio::select! {
        () = answering => {}
        () = asking => {}
    }
}
