//! Asks for the newest events of chats, as many as are wanted in one question.

use std::collections::HashMap;
use std::time::Instant;

use async_nats::Client;
use shared::error_code::ErrorCode;
use shared::id::ChatId;
use shared::query::{HEADS_MAX, Head, HeadsRequest};
use tokio::sync::mpsc;

use crate::questions;

/// What is known of a chat.
#[derive(Debug)]
pub(super) struct HeadAnswer {
    /// When the question was sent: what was committed before that is in the answer.
    pub(super) asked: Instant,
    /// Its newest event and whom its events are for, or why that cannot be said.
    pub(super) head: Result<Head, ErrorCode>,
}

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
        let asked = Instant::now();
        let answer = questions::heads(&client, &request).await;
        let mut known: Result<HashMap<ChatId, Head>, ErrorCode> = answer.map(|answer| {
            let heads = answer.heads.into_iter();
            heads.map(|head| (head.chat, head)).collect()
        });
        for chat in request.chats {
            let head = match &mut known {
                Ok(known) => known.remove(&chat).ok_or(ErrorCode::ChatNotFound),
                Err(code) => Err(*code),
            };
            let answer = HeadAnswer { asked, head };
            if answers.send((chat, answer)).await.is_err() {
                return;
            }
        }
    }
}
