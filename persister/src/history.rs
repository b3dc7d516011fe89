//! Whether a command stream still is the one we have been reading (design section 4.3, step 11).
//!
//! NATS syncs to disk lazily and may be wiped by hand; the database remembers. A stream that has forgotten
//! commands we carried out has *restarted*: its sequences mean something else now.

use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::{self, ErrorCode, stream};
use shared::command::CommandId;
use shared::partition::Partition;
use shared::stream::command_stream_name;

use crate::delivery::command_id;

/// What the stream says about the commands before `next_seq`.
#[derive(Debug)]
pub enum History {
    /// It is the stream we know.
    Intact {
        /// The stream.
        stream: Box<stream::Stream>,
        /// Sequence of the oldest command kept, at least 1.
        first_seq: i64,
    },
    /// It has lost or replaced commands that were carried out, or is gone.
    Restarted {
        /// Sequence of the oldest command kept, at least 1.
        first_seq: i64,
    },
}

/// Compares the stream with what is known of it: the command before `next_seq`, and its id if it has one.
pub async fn check(
    jetstream: &jetstream::Context,
    partition: Partition,
    next_seq: i64,
    last_command_id: Option<CommandId>,
) -> Result<History, async_nats::Error> {
    let stream = match jetstream.get_stream(command_stream_name(partition)).await {
        Ok(stream) => stream,
        Err(error) if is_gone(&error) => return Ok(History::Restarted { first_seq: 1 }),
        Err(error) => return Err(error.into()),
    };
    let state = &stream.cached_info().state;
    // An empty stream that never held anything has first sequence 0 or 1.
    let first_seq = i64::try_from(state.first_sequence)?.max(1);
    let last_seq = i64::try_from(state.last_sequence)?;
    let before = next_seq - 1;
    let known = if last_seq < before {
        false
    } else if let Some(id) = last_command_id
        && first_seq <= before
    {
        match stream.get_raw_message(u64::try_from(before)?).await {
            Ok(message) => command_id(Some(&message.headers)) == Some(id),
            // Purged since the line above: then it was there.
            Err(error) if error.kind() == stream::RawMessageErrorKind::NoMessageFound => true,
            Err(error) => return Err(error.into()),
        }
    } else {
        true
    };
    Ok(if known {
        History::Intact {
            stream: Box::new(stream),
            first_seq,
        }
    } else {
        History::Restarted { first_seq }
    })
}

fn is_gone(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(cause) => cause.error_code() == ErrorCode::STREAM_NOT_FOUND,
        _ => false,
    }
}
