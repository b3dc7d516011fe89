//! Asking the persisters: typed request/reply over NATS.

use std::time::Duration;

use async_nats::{Client, HeaderMap, RequestErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::error_code::ErrorCode;
use shared::query::{
    DirectoryRequest, EventsPage, EventsRequest, Heads, HeadsRequest, OutcomeRequest, Outcomes,
    Reply,
};
use shared::{subject, trace};

/// Longest wait for an answer. A persister answers within a second, if only that its database is away.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Which chats exist, and their newest events.
pub async fn heads(client: &Client, request: &HeadsRequest) -> Reply<Heads> {
    ask(client, subject::HEADS, request).await
}

/// A page of a chat's history.
pub async fn events(client: &Client, request: &EventsRequest) -> Reply<EventsPage> {
    ask(client, subject::EVENTS, request).await
}

/// What became of commands.
pub async fn outcomes(client: &Client, request: &OutcomeRequest) -> Reply<Outcomes> {
    ask(client, subject::OUTCOME, request).await
}

/// Who and what there is. The type of the answer goes with the question.
pub async fn directory<A: DeserializeOwned>(
    client: &Client,
    request: &DirectoryRequest,
) -> Reply<A> {
    ask(client, subject::DIRECTORY, request).await
}

async fn ask<Q: Serialize, A: DeserializeOwned>(
    client: &Client,
    subject: &'static str,
    question: &Q,
) -> Reply<A> {
    let payload =
        serde_json::to_vec(question).expect("questions are plain data and always serialise");
    let mut request = async_nats::Request::new()
        .payload(payload.into())
        .timeout(Some(ANSWER_MAX));
    if let Some(traceparent) = trace::traceparent(&tracing::Span::current()) {
        let mut headers = HeaderMap::new();
        headers.insert(trace::HEADER, traceparent);
        request = request.headers(headers);
    }
    // The client's own time-out covers the wait for the answer, not the wait for room in its send queue.
    let answer = tokio::time::timeout(ANSWER_MAX, client.send_request(subject, request)).await;
    let message = match answer {
        Ok(Ok(message)) => message,
        Ok(Err(error)) => {
            if error.kind() != RequestErrorKind::NoResponders {
                tracing::warn!(subject, %error, "a question to the persisters got no answer");
            }
            return Err(ErrorCode::Unavailable);
        }
        Err(_) => {
            tracing::warn!(
                subject,
                "a question to the persisters could not be sent in time"
            );
            return Err(ErrorCode::Unavailable);
        }
    };
    serde_json::from_slice::<Reply<A>>(&message.payload).unwrap_or_else(|error| {
        tracing::error!(subject, %error, "a persister's answer cannot be read");
        Err(ErrorCode::Unavailable)
    })
}
