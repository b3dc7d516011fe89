//! Asks for the end of typing whose author can no longer end it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use shared::bus::Bus;
use shared::command::{Command, CommandId};
use shared::event::EventType;
use shared::id::UserId;
use shared::lifecycle::Lifecycle;
use shared::subject;
use tracing::Span;

use super::message;
use crate::owners::Owners;
use crate::presence::{self, Presence, Typing};

/// Times that the end of somebody's typing is published without NATS's confirmation.
const TRIES_MAX: u32 = 3;

/// Wait before publishing it again.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Wait for NATS's word that it has it.
const ACCEPT_WAIT: Duration = Duration::from_secs(1);

/// What it takes; cheap to clone.
#[derive(Clone)]
pub(super) struct EndTyping {
    inner: Arc<Inner>,
}

struct Inner {
    bus: Bus,
    context: jetstream::Context,
    owners: Arc<Owners>,
    gateway: String,
    presence: Presence,
    life: Lifecycle,
}

impl EndTyping {
    pub(super) fn new(
        bus: Bus,
        owners: Arc<Owners>,
        gateway: String,
        presence: Presence,
        life: Lifecycle,
    ) -> Self {
        let context = jetstream::context::ContextBuilder::new()
            .timeout(ACCEPT_WAIT)
            .ack_timeout(ACCEPT_WAIT)
            .build(bus.client.clone());
        Self {
            inner: Arc::new(Inner {
                bus,
                context,
                owners,
                gateway,
                presence,
                life,
            }),
        }
    }

    /// Sees to it in the background, unless the user is with another gateway.
    pub(super) fn of(&self, user: UserId, typing: Vec<Typing>) {
        let inner = Arc::clone(&self.inner);
        self.inner.life.spawn(async move {
            if !presence::is_elsewhere(&inner.presence, &inner.bus, user, &typing).await {
                for typing in typing {
                    inner.end(user, typing).await;
                }
            }
        });
    }
}

impl Inner {
    /// What cannot be published is left to the lease.
    async fn end(&self, author: UserId, typing: Typing) {
        let Some(partitions) = self.owners.partitions() else {
            return;
        };
        let command = Command {
            id: CommandId::stop_typing(typing.since),
            kind: EventType::StopTyping,
            author_id: author,
            chat_id: typing.chat,
            if_typing_since: Some(typing.since),
        };
        let subject = subject::command(partitions, command.chat_id, command.kind);
        for _ in 0..TRIES_MAX {
            match self.publish(&command, subject.clone()).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, command.id = %command.id, "typing could not be ended");
                }
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    async fn publish(&self, command: &Command, subject: String) -> Result<(), PublishError> {
        let (headers, body) = message::encode(command, false, &self.gateway, &Span::none());
        let message = PublishMessage::build().payload(body).headers(headers);
        let attempt = async { self.context.send_publish(subject, message).await?.await };
        // The context's own time-out starts only when the message has left its queue.
        tokio::time::timeout(ACCEPT_WAIT * 2, attempt)
            .await
            .unwrap_or_else(|_| Err(PublishError::new(PublishErrorKind::TimedOut)))
            .map(drop)
    }
}
