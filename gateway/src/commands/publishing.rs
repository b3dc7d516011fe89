//! From commands whose turn has come to messages for NATS: those of one partition travel together, as many as its owner
//! reads from one message. Nobody waits for company; it is whatever came to the same turn of the task.

use std::collections::BTreeMap;
use std::time::Instant;

use shared::partition::Partition;
use shared::subject;

use super::carrier::{Carrier, ROOM_WAIT_MAX};
use super::flight::Next;
use super::message;
use crate::owners::Way;

/// The NATS client's queue is full.
struct NoRoom;

impl Carrier {
    /// Publishes every command whose turn has come, or finds that it cannot be now.
    pub(super) async fn publish(&mut self, inbox: &str) {
        let mut groups: BTreeMap<Partition, (Way, Vec<Next>)> = BTreeMap::new();
        let mut sent = Ok(());
        while sent.is_ok()
            && let Some(next) = self.flight.next()
        {
            let Some(way) = self.way(next) else {
                continue;
            };
            if self.is_traced(next) {
                sent = self.send(way, vec![next], inbox).await;
                continue;
            }
            let (_, group) = groups
                .entry(way.partition)
                .or_insert_with(|| (way, Vec::new()));
            group.push(next);
            if group.len() >= usize::from(way.commands_per_message) {
                let full = std::mem::take(group);
                sent = self.send(way, full, inbox).await;
            }
        }
        for (way, group) in groups.into_values() {
            if sent.is_ok() {
                sent = self.send(way, group, inbox).await;
            } else {
                self.unsent(&group);
            }
        }
    }

    /// Where a command goes. None if it cannot be carried out now, of which the flight knows.
    fn way(&mut self, next: Next) -> Option<Way> {
        let number = next.number();
        let now = Instant::now();
        let command = &self.flight.get(number)?.command;
        match next {
            Next::Again(_) => {
                tracing::warn!(command.id = %command.id, "NATS has not confirmed a command; publishing it again");
                let way = self.owners.way(command.chat_id);
                if way.is_none() {
                    self.flight.unsent(number, now);
                }
                way
            }
            Next::First(_) if !self.bus.is_connected() => {
                self.flight.refuse(number, "NATS is gone", now);
                None
            }
            Next::First(_) => match self.owners.check(command.chat_id, now) {
                Ok(way) => Some(way),
                Err(reason) => {
                    tracing::warn!(%reason, chat.id = %command.chat_id, "command refused");
                    self.flight.refuse(number, "nobody takes commands", now);
                    None
                }
            },
        }
    }

    /// Whether somebody follows a command by a header of its message, which is then its own.
    fn is_traced(&self, next: Next) -> bool {
        let underway = self.flight.get(next.number());
        underway.is_some_and(|underway| message::traceparent(&underway.what.span).is_some())
    }

    /// Publishes commands of one partition as one message.
    async fn send(&mut self, way: Way, group: Vec<Next>, inbox: &str) -> Result<(), NoRoom> {
        let found = group.iter().filter_map(|next| {
            let underway = self.flight.get(next.number())?;
            Some((next.is_repetition(), underway))
        });
        let (subject, (headers, body)) = match found.collect::<Vec<_>>()[..] {
            [] => return Ok(()),
            [(is_repetition, underway)] => {
                let command = &underway.command;
                let span = &underway.what.span;
                (
                    subject::command(way.partitions, command.chat_id, command.kind),
                    message::encode(command, is_repetition, &self.gateway, span),
                )
            }
            ref several => {
                let commands = several
                    .iter()
                    .map(|(is_repetition, underway)| (&underway.command, *is_repetition));
                (
                    subject::commands(way.partition),
                    message::encode_several(commands, &self.gateway),
                )
            }
        };
        let numbers = group.iter().map(|next| next.number()).collect();
        let message = self.dispatches.begin(numbers, Instant::now());
        let reply = format!("{inbox}.{message}");
        let client = &self.bus.client;
        let published = client.publish_with_reply_and_headers(subject, reply, headers, body);
        match tokio::time::timeout(ROOM_WAIT_MAX, published).await {
            Ok(Ok(())) => {
                let now = Instant::now();
                for next in group {
                    self.flight.sent(next.number(), now);
                }
                Ok(())
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "commands cannot be published");
                self.dispatches.end(message);
                self.unsent(&group);
                Ok(())
            }
            Err(_) => {
                self.dispatches.end(message);
                self.unsent(&group);
                Err(NoRoom)
            }
        }
    }

    fn unsent(&mut self, group: &[Next]) {
        for next in group {
            self.flight.unsent(next.number(), Instant::now());
        }
    }
}
