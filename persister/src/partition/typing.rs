//! Sees to it that typing ends: finds what is due and sends the partition the commands that end it.
//!
//! They go the way of every command, through the stream, so that their events have their place in the order of
//! the chat. What was sent and is not carried out yet is found, and sent, again: under the same name, which NATS
//! and the database let take effect once. So nothing has to be remembered, and whoever owns the partition next
//! goes on where this owner ended.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use futures_util::future::join_all;
use shared::command::{Command, CommandBody};
use shared::partition::Partition;
use shared::{clock, subject};
use tokio::time::{Instant, sleep, timeout};

use super::Office;
use crate::alarm::Alarm;
use crate::decide::{Place, Typing, TypingLease};
use crate::store::StoreError;
use crate::store::typing::{Due, Next};

/// Wait between two looks, however much becomes due.
const GAP_MIN: Duration = Duration::from_millis(50);

/// Wait before looking again for what was due and is perhaps not carried out yet.
const AGAIN: Duration = Duration::from_secs(1);

/// Longest time without a look, should anything else have changed the table.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(30);

/// Longest wait for NATS to take what one step has found.
const SEND_MAX: Duration = Duration::from_secs(3);

/// Looks at once, and then whenever the alarm rings, for as long as it is polled.
pub(super) async fn watch(office: &Office, partition: Partition, alarm: &Alarm) -> Infallible {
    loop {
        let wait = match look_through(office, partition).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::debug!(%partition, %error, "cannot look for typing that is due");
                AGAIN
            }
        };
        alarm.no_later_than(Instant::now() + wait);
        sleep(GAP_MIN).await;
        alarm.wait().await;
    }
}

/// Sets the alarm for what a batch has changed.
pub(super) fn expect(alarm: &Alarm, changes: &BTreeMap<Place, Option<Typing>>, lease: TypingLease) {
    let ends = changes.values().flatten().map(|typing| typing.ends_at_ms);
    let Some(first) = ends.min().filter(|end| *end != Typing::NEVER) else {
        return;
    };
    // This replica's clock only says when to look; what is due is for the database to say. A clock that is
    // slow must not put it off for longer than the lease.
    let wait_ms = first.saturating_sub(clock::now().micros() / 1_000).max(0);
    let wait = Duration::from_millis(wait_ms.unsigned_abs()).min(lease.0);
    alarm.no_later_than(Instant::now() + wait);
}

/// Sends what ends all that is due; returns when to look again.
async fn look_through(office: &Office, partition: Partition) -> Result<Duration, StoreError> {
    let mut after = None;
    let mut sent_any = false;
    loop {
        let look = office.store.due_typing(partition, after).await?;
        sent_any |= !look.due.is_empty();
        send(office, partition, &look.due).await;
        let wait = match look.next {
            Next::More => {
                after = look.due.last().copied();
                continue;
            }
            Next::In(wait) => wait.min(LOOK_INTERVAL_MAX),
            Next::Nothing => LOOK_INTERVAL_MAX,
        };
        return Ok(if sent_any { wait.min(AGAIN) } else { wait });
    }
}

async fn send(office: &Office, partition: Partition, due: &[Due]) {
    let sending: Vec<_> = due
        .iter()
        .map(|due| send_one(office, due.command()))
        .collect();
    let failure = match timeout(SEND_MAX, join_all(sending)).await {
        Ok(results) => results.into_iter().find_map(Result::err),
        Err(_) => Some("no answer in time".into()),
    };
    if let Some(error) = failure {
        tracing::warn!(%partition, %error, "typing that is due could not be ended; trying again");
    }
}

async fn send_one(office: &Office, command: Command) -> Result<(), async_nats::Error> {
    let message = PublishMessage::build()
        .payload(CommandBody::new(&command, false).encode())
        .message_id(command.id.to_string());
    let subject = subject::command(office.store.partitions(), command.chat_id, command.kind);
    office
        .jetstream
        .send_publish(subject, message)
        .await?
        .await?;
    Ok(())
}
