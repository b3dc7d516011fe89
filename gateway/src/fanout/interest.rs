//! The NATS subscription of one chat, and its end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::stream::{AbortHandle, Abortable};
use futures_util::{Stream, StreamExt};
use shared::id::ChatId;

/// Longest wait for room in the NATS client's send queue.
const SUBSCRIBE_MAX: Duration = Duration::from_secs(2);

/// Holds a NATS subscription in force; dropping it ends the subscription.
#[derive(Debug)]
pub(super) struct Interest(AbortHandle);

/// What the subscription brings: payloads, each with its chat.
pub(super) type ChatEvents = Abortable<Payloads>;

/// The payloads of one chat's subject.
#[derive(Debug)]
pub(super) struct Payloads {
    chat: ChatId,
    subscriber: Subscriber,
}

impl Interest {
    /// Subscribes to a chat's subject.
    pub(super) async fn take(
        client: &Client,
        chat: ChatId,
        subject: String,
    ) -> Result<(Self, ChatEvents), &'static str> {
        let subscriber = tokio::time::timeout(SUBSCRIBE_MAX, client.subscribe(subject))
            .await
            .map_err(|_| "the NATS client takes no more requests")?
            .map_err(|_| "the NATS client refused the subject")?;
        let (handle, registration) = AbortHandle::new_pair();
        Ok((
            Self(handle),
            Abortable::new(Payloads { chat, subscriber }, registration),
        ))
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        // Ends the stream, whose end drops the NATS subscriber, which unsubscribes.
        self.0.abort();
    }
}

impl Stream for Payloads {
    type Item = (ChatId, Bytes);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chat = self.chat;
        self.subscriber
            .poll_next_unpin(context)
            .map(|message| message.map(|message| (chat, message.payload)))
    }
}
