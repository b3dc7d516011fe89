//! A command as it comes out of the stream: read as far as it can be read.
//!
//! ```text
//! subject  cmd.<p>.<chat>.<TYPE>
//! headers  Nats-Msg-Id: <command id>   Gw: <gateway>   traceparent: <W3C>   (the last two may be missing)
//! body     {"authorId":1,"chatId":4}
//! ```
//!
//! Several may share a message, see [`shared::command::packing`]. Each of them is a delivery of its own.
//!
//! Gateways check what clients send, so anything unreadable here is a fault of ours or of an intruder. It is
//! set aside ([`crate::set_aside`]), never a reason to stop: the stream goes on behind it.

use std::sync::Arc;

use async_nats::Subject;
use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use async_nats::jetstream;
use bytes::Bytes;
use shared::clock::Timestamp;
use shared::command::packing::{self, PackedCommand};
use shared::command::{Command, CommandBody, CommandId, GATEWAY_HEADER};
use shared::error_code::ErrorCode;
use shared::partition::{Partition, PartitionCount};
use shared::{subject, trace};
use tracing::Span;

use crate::decide::Wish;
use crate::set_aside::Reason;

/// Longest gateway name we answer to. Ours are far shorter.
const GATEWAY_OCTETS_MAX: usize = 64;

/// Longest trace context we carry on. Version 00 has 55 octets.
const TRACEPARENT_OCTETS_MAX: usize = 64;

/// A command in its place, and who wants to know about it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The command.
    pub wish: Wish,
    /// Who waits for its outcome.
    pub listener: Listener,
    /// How it came, alone or with others.
    pub original: Arc<Original>,
    /// Why it cannot be read, if it cannot.
    pub unreadable: Option<Reason>,
}

/// A message as NATS delivered it.
#[derive(Debug)]
pub struct Original {
    /// The subject it was published to.
    pub subject: Subject,
    /// Its headers.
    pub headers: Option<HeaderMap>,
    /// Its body.
    pub payload: Bytes,
}

/// Who wants to know what becomes of a command.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The command's name, if it has one.
    pub command_id: Option<CommandId>,
    /// The gateway that wants to hear its outcome.
    pub gateway: Option<Arc<str>>,
    /// The sender's trace context, when its trace is sampled.
    pub traceparent: Option<String>,
    /// Lives until the command is carried out and published; none without a trace.
    pub span: Span,
}

/// Why a message cannot even be placed.
#[derive(Debug, thiserror::Error)]
#[error("a message without a place in the stream: {0}")]
pub struct Placeless(String);

/// Where commands come from.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The partition whose stream is read.
    pub partition: Partition,
    /// Out of how many.
    pub partitions: PartitionCount,
}

impl Source {
    /// Reads a message from the command stream: at least one command, however little of it can be read.
    pub fn read(self, message: jetstream::Message) -> Result<Vec<Delivery>, Placeless> {
        let info = message
            .info()
            .map_err(|error| Placeless(error.to_string()))?;
        let seq =
            i64::try_from(info.stream_sequence).map_err(|error| Placeless(error.to_string()))?;
        let time = Timestamp::from_nanos(info.published.unix_timestamp_nanos());
        let original = Arc::new(Original {
            subject: message.message.subject,
            headers: message.message.headers,
            payload: message.message.payload,
        });
        let is_several = subject::is_several_commands(&original.subject);
        if is_several && let Some(commands) = packing::unpack(&original.payload) {
            return Ok(self.several(seq, time, &original, &commands));
        }
        let headers = original.headers.as_ref();
        let id = command_id(headers);
        let read = match id {
            Some(_) if is_several => Err(Reason::UnknownBody),
            Some(id) => self.command(id, &original.subject, &original.payload),
            None => Err(Reason::NoCommandId),
        };
        let is_repetition = matches!(read, Ok((_, true)));
        let asks = read.map(|(command, _)| command);
        let traceparent = header(headers, trace::HEADER, TRACEPARENT_OCTETS_MAX);
        let span = match (&traceparent, &asks) {
            (Some(traceparent), Ok(command)) => span_of(command, seq, traceparent),
            _ => Span::none(),
        };
        let listener = Listener {
            command_id: id,
            gateway: header(headers, GATEWAY_HEADER, GATEWAY_OCTETS_MAX).map(Into::into),
            traceparent,
            span,
        };
        Ok(vec![Delivery {
            unreadable: asks.as_ref().err().copied(),
            wish: Wish {
                seq,
                index: 0,
                is_last: true,
                message_id: id,
                time,
                id,
                is_repetition,
                asks: asks.map_err(|_| ErrorCode::MalformedPayload),
            },
            listener,
            original,
        }])
    }

    fn several(
        self,
        seq: i64,
        time: Timestamp,
        original: &Arc<Original>,
        commands: &[PackedCommand],
    ) -> Vec<Delivery> {
        let headers = original.headers.as_ref();
        let message_id = command_id(headers);
        let gateway: Option<Arc<str>> =
            header(headers, GATEWAY_HEADER, GATEWAY_OCTETS_MAX).map(Into::into);
        (0..)
            .zip(commands)
            .map(|(index, packed)| {
                let is_ours = self.partitions.of(packed.chat_id) == self.partition;
                let asks = if is_ours {
                    Ok(packed.command())
                } else {
                    Err(Reason::OtherPartition)
                };
                Delivery {
                    unreadable: asks.as_ref().err().copied(),
                    wish: Wish {
                        seq,
                        index,
                        is_last: usize::from(index) + 1 == commands.len(),
                        message_id,
                        time,
                        id: Some(packed.id),
                        is_repetition: packed.is_repetition,
                        asks: asks.map_err(|_| ErrorCode::MalformedPayload),
                    },
                    listener: Listener {
                        command_id: Some(packed.id),
                        gateway: gateway.clone(),
                        traceparent: None,
                        span: Span::none(),
                    },
                    original: Arc::clone(original),
                }
            })
            .collect()
    }

    /// A command, and whether it is sent again.
    fn command(
        self,
        id: CommandId,
        subject: &str,
        payload: &[u8],
    ) -> Result<(Command, bool), Reason> {
        let (chat_id, kind) = subject::parse_command(subject).ok_or(Reason::UnknownSubject)?;
        let body: CommandBody = serde_json::from_slice(payload).map_err(|_| Reason::UnknownBody)?;
        if body.chat_id != chat_id {
            return Err(Reason::OtherChat);
        }
        // Another partition's owner may be writing to this chat: carrying it out here could break its chain.
        if self.partitions.of(chat_id) != self.partition {
            return Err(Reason::OtherPartition);
        }
        let command = Command {
            id,
            kind,
            author_id: body.author_id,
            chat_id,
            if_typing_since: body.if_typing_since,
        };
        Ok((command, body.is_repetition))
    }
}

impl Original {
    /// One command of the message as if it had come alone, for whoever has to deal with nothing but it. As it is, if it
    /// did come alone.
    pub fn of(
        self: &Arc<Self>,
        wish: &Wish,
        listener: &Listener,
        partitions: PartitionCount,
    ) -> Arc<Self> {
        let is_alone = wish.index == 0 && wish.is_last;
        let packed = if is_alone {
            None
        } else {
            packing::unpack(&self.payload)
        };
        let packed = packed.and_then(|commands| commands.get(usize::from(wish.index)).copied());
        let Some(packed) = packed else {
            return Arc::clone(self);
        };
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, packed.id.to_string());
        if let Some(gateway) = &listener.gateway {
            headers.insert(GATEWAY_HEADER, &**gateway);
        }
        Arc::new(Self {
            subject: subject::command(partitions, packed.chat_id, packed.kind).into(),
            headers: Some(headers),
            payload: packed.body().encode(),
        })
    }
}

/// The id a publisher gave to a message.
pub fn command_id(headers: Option<&HeaderMap>) -> Option<CommandId> {
    headers?.get(NATS_MESSAGE_ID)?.as_str().parse().ok()
}

/// A header that is one token of harmless characters; anything else counts as missing.
fn header(headers: Option<&HeaderMap>, name: &str, octets_max: usize) -> Option<String> {
    let value = headers?.get(name)?.as_str();
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let token = (1..=octets_max).contains(&value.len()) && value.bytes().all(harmless);
    token.then(|| value.to_owned())
}

fn span_of(command: &Command, seq: i64, traceparent: &str) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "carry out",
        command.id = %command.id,
        event.type = %command.kind,
        user.id = %command.author_id,
        chat.id = %command.chat_id,
        stream.sequence = seq,
    );
    trace::continue_from(&span, traceparent);
    span
}

#[cfg(test)]
mod tests {
    use shared::event::EventType;

    use super::*;

    fn read(subject: &str, payload: &str) -> Result<Command, Reason> {
        let partitions = PartitionCount::try_from(8).unwrap();
        let source = Source {
            partition: partitions.of(4.try_into().unwrap()),
            partitions,
        };
        let read = source.command(CommandId::fresh(), subject, payload.as_bytes());
        read.map(|(command, _)| command)
    }

    #[test]
    fn a_command_reads_back() {
        let command = read("cmd.0.4.JOIN", r#"{"authorId":1,"chatId":4}"#).unwrap();
        assert_eq!(command.kind, EventType::Join);
        assert_eq!((command.author_id.get(), command.chat_id.get()), (1, 4));
    }

    #[test]
    fn anything_else_is_unreadable() {
        for (subject, payload, reason) in [
            (
                "cmd.0.4.DANCE",
                r#"{"authorId":1,"chatId":4}"#,
                Reason::UnknownSubject,
            ),
            ("cmd.0.4.JOIN", "{", Reason::UnknownBody),
            (
                "cmd.0.4.JOIN",
                r#"{"authorId":0,"chatId":4}"#,
                Reason::UnknownBody,
            ),
            (
                "cmd.0.4.JOIN",
                r#"{"authorId":1,"chatId":5}"#,
                Reason::OtherChat,
            ),
            (
                "cmd.0.5.JOIN",
                r#"{"authorId":1,"chatId":5}"#,
                Reason::OtherPartition,
            ),
        ] {
            assert_eq!(read(subject, payload), Err(reason), "{subject} {payload}");
        }
    }

    #[test]
    fn a_header_that_could_become_more_than_one_token_counts_as_missing() {
        let mut headers = HeaderMap::new();
        headers.insert("Good", "gw-1_A");
        headers.insert("Dot", "out.>");
        headers.insert("Empty", "");
        let read = |name| header(Some(&headers), name, 8);
        assert_eq!(read("Good").as_deref(), Some("gw-1_A"));
        for bad in ["Dot", "Empty", "Absent"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
