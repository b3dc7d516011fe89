//! Asks for the newest events of chats, as many as are wanted in one question.

use std::collections::HashMap;

use async_nats::Client;
use shared::error_code::ErrorCode;
use shared::id::ChatId;
use shared::query::{HEADS_MAX, HeadsRequest};
use tokio::sync::mpsc;

use crate::questions;

/// What is known of a chat: its newest event (0 when it has none), or why that cannot be said.
pub(super) type HeadAnswer = Result<i64, ErrorCode>;

/// Answers each chat's question, until nobody asks any more. The questions go out on the connection that holds
/// the subscriptions: NATS handles what one connection says in order, so an answer proves that every
/// subscription made before the question is in force.
pub(super) async fn run(
    client: Client,
    mut wanted: mpsc::Receiver<ChatId>,
    answers: mpsc::Sender<(ChatId, HeadAnswer)>,
) {
    let mut chats = Vec::new();
    while wanted.recv_many(&mut chats, HEADS_MAX).await > 0 {
        chats.sort_unstable();
        chats.dedup();
        let request = HeadsRequest {
            chats: std::mem::take(&mut chats),
        };
        let answer = questions::heads(&client, &request).await;
        let known: Result<HashMap<ChatId, i64>, ErrorCode> = answer.map(|answer| {
            answer
                .heads
                .into_iter()
                .map(|head| (head.chat, head.event))
                .collect()
        });
        for chat in request.chats {
            let head = match &known {
                Ok(known) => known.get(&chat).copied().ok_or(ErrorCode::ChatNotFound),
                Err(code) => Err(*code),
            };
            if answers.send((chat, head)).await.is_err() {
                return;
            }
        }
    }
}
