//! Commands as a message on the bus, and what NATS says of it.

use async_nats::jetstream::{self, ErrorCode};
use async_nats::{HeaderMap, Message, StatusCode, header};
use bytes::Bytes;
use serde::Deserialize;
use shared::command::packing::{self, PackedCommand};
use shared::command::{Command, CommandBody, CommandId, GATEWAY_HEADER};
use shared::trace;
use tracing::Span;

/// Body of the command that `gateway` publishes, and its headers: its name, who wants to hear of it, its trace.
pub(super) fn encode(
    command: &Command,
    is_repetition: bool,
    gateway: &str,
    span: &Span,
) -> (HeaderMap, Bytes) {
    let mut headers = headers(command.id, gateway);
    if let Some(traceparent) = traceparent(span) {
        headers.insert(trace::HEADER, traceparent);
    }
    (headers, CommandBody::new(command, is_repetition).encode())
}

/// The same of several commands, of which each may be a repetition. The name is the message's own: NATS would take it
/// for a repetition as a whole.
pub(super) fn encode_several<'a>(
    commands: impl Iterator<Item = (&'a Command, bool)>,
    gateway: &str,
) -> (HeaderMap, Bytes) {
    let commands: Vec<_> = commands
        .map(|(command, is_repetition)| PackedCommand::new(command, is_repetition))
        .collect();
    let body = packing::pack(&commands);
    (headers(CommandId::fresh(), gateway), body.into())
}

/// How those behind follow a command that is traced.
pub(super) fn traceparent(span: &Span) -> Option<String> {
    if span.is_none() {
        None
    } else {
        trace::traceparent(span)
    }
}

fn headers(id: CommandId, gateway: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::NATS_MESSAGE_ID, id.to_string());
    headers.insert(GATEWAY_HEADER, gateway);
    headers
}

/// What NATS says of a message, and so of each command in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// It has it; perhaps it had it before.
    Accepted {
        /// Whether a message of this name came before.
        is_repetition: bool,
    },
    /// It has not, and will not: nobody leads the stream, or the stream is full or out of order.
    Refused,
    /// Neither follows from it.
    Unclear,
}

/// An answer of JetStream to a publish; of its fields, those that matter.
#[derive(Deserialize)]
struct PublishAnswer {
    error: Option<jetstream::Error>,
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
}

impl Word {
    /// What an answer says.
    pub(super) fn read(answer: &Message) -> Self {
        match answer.status {
            Some(StatusCode::NO_RESPONDERS) => Self::Refused,
            Some(_) => Self::Unclear,
            None => Self::parse(&answer.payload),
        }
    }

    /// One answer of the server is no refusal: a message of the same id is just being stored, sent by another
    /// gateway or by an earlier attempt, so that the command is about to take effect.
    fn parse(payload: &[u8]) -> Self {
        match serde_json::from_slice(payload) {
            Ok(PublishAnswer {
                error: Some(error), ..
            }) => match error.error_code() {
                ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT => Self::Unclear,
                _ => Self::Refused,
            },
            Ok(PublishAnswer {
                seq: Some(_),
                duplicate,
                ..
            }) => Self::Accepted {
                is_repetition: duplicate,
            },
            Ok(_) | Err(_) => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: ErrorCode) -> Word {
        let code = code.0;
        Word::parse(
            format!(r#"{{"error":{{"code":400,"err_code":{code},"description":"no"}},"stream":"CMD_0","seq":0}}"#)
                .as_bytes(),
        )
    }

    #[test]
    fn a_stored_command_is_accepted_and_a_repetition_is_known() {
        for (answer, is_repetition) in [
            (r#"{"stream":"CMD_0","seq":7}"#, false),
            (r#"{"stream":"CMD_0","seq":7,"duplicate":true}"#, true),
        ] {
            let word = Word::parse(answer.as_bytes());
            assert_eq!(word, Word::Accepted { is_repetition });
        }
    }

    #[test]
    fn a_full_stream_refuses() {
        assert_eq!(said(ErrorCode::STREAM_STORE_FAILED), Word::Refused);
    }

    #[test]
    fn a_command_that_is_just_being_stored_is_not_refused() {
        let under_way = said(ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT);
        assert_eq!(under_way, Word::Unclear);
    }

    #[test]
    fn garbage_says_nothing() {
        for garbage in ["", "{}", "[]", r#"{"seq":"x"}"#, "\u{0}"] {
            assert_eq!(Word::parse(garbage.as_bytes()), Word::Unclear);
        }
    }
}
