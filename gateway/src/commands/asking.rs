//! Asks the persisters what became of commands whose outcome did not come by itself: NATS was away, or the command
//! is a repetition whose first copy was answered elsewhere. Many commands share one question.

use async_nats::Client;
use shared::command::{CommandId, Outcome};
use shared::query::{CommandState, OUTCOMES_MAX, OutcomeRequest};
use tokio::sync::mpsc;

use crate::questions;

/// Most commands whose outcome is to be asked for next. Beyond it a command asks again after its next wait.
pub(super) const ASKS_MAX: usize = 4_096;

/// Answers not looked at yet. The next question waits for room.
pub(super) const ANSWERS_MAX: usize = 4;

/// Asks until nobody wants to know anything any more.
pub(super) async fn run(
    client: Client,
    mut asks: mpsc::Receiver<CommandId>,
    answers: mpsc::Sender<Vec<(CommandId, Outcome)>>,
) {
    let mut ids = Vec::new();
    while asks.recv_many(&mut ids, OUTCOMES_MAX).await > 0 {
        let request = OutcomeRequest {
            ids: std::mem::take(&mut ids),
        };
        // No answer: each command asks again after its next wait.
        let Ok(answer) = questions::outcomes(&client, &request).await else {
            continue;
        };
        let settled = request.ids.into_iter().zip(answer.states);
        let settled = settled.filter_map(|(id, state)| match state {
            CommandState::Settled(outcome) => Some((id, outcome)),
            CommandState::Pending => None,
        });
        if answers.send(settled.collect()).await.is_err() {
            return;
        }
    }
}
