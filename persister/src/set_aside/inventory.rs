//! What was set aside, for whoever looks after it: one after the other, back into its stream, or away.

use std::time::Duration;

use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, ErrorCode};
use shared::{stream, subject};
use tokio::time::timeout;

use super::Kept;

/// Longest wait for one answer of NATS.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The stream of what was set aside.
#[derive(Debug)]
pub struct Inventory {
    jetstream: jetstream::Context,
    stream: Stream,
}

/// What became of a command that was to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is in its stream again, and set aside no more.
    Yes,
    /// NATS takes it for a repetition of what it was sent a moment ago. It stays set aside.
    TooSoon,
    /// Some of it was too large to be kept. It stays set aside.
    Cut,
}

impl Inventory {
    /// Opens it; `None` if nothing was ever set aside.
    pub async fn open(jetstream: jetstream::Context) -> Result<Option<Self>, async_nats::Error> {
        match timeout(ANSWER_MAX, jetstream.get_stream(stream::SET_ASIDE)).await? {
            Ok(stream) => Ok(Some(Self { jetstream, stream })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Number of the newest command when the inventory was opened. What is set aside later has a larger one.
    pub fn last_seq(&self) -> u64 {
        self.stream.cached_info().state.last_sequence
    }

    /// The first command from `seq` on.
    pub async fn next(&self, seq: u64) -> Result<Option<Kept>, async_nats::Error> {
        let asking = self
            .stream
            .get_first_raw_message_by_subject(subject::ALL_SET_ASIDE, seq);
        match timeout(ANSWER_MAX, asking).await? {
            Ok(message) => {
                let kept = Kept::read(message.sequence, &message.headers, message.payload)?;
                Ok(Some(kept))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The command of this number.
    pub async fn get(&self, seq: u64) -> Result<Option<Kept>, async_nats::Error> {
        Ok(self.next(seq).await?.filter(|kept| kept.seq == seq))
    }

    /// Publishes a command again, as it was and under its name, and then removes it from here: it may be
    /// replayed twice, and takes effect once.
    pub async fn replay(&self, kept: &Kept) -> Result<Replayed, async_nats::Error> {
        if kept.cut {
            return Ok(Replayed::Cut);
        }
        let publishing = async {
            let sent = self
                .jetstream
                .send_publish(kept.subject.clone(), kept.original());
            sent.await?.await
        };
        let ack = timeout(ANSWER_MAX, publishing).await??;
        if ack.duplicate {
            return Ok(Replayed::TooSoon);
        }
        self.remove(kept.seq).await?;
        Ok(Replayed::Yes)
    }

    /// Removes a command for good.
    pub async fn remove(&self, seq: u64) -> Result<(), async_nats::Error> {
        timeout(ANSWER_MAX, self.stream.delete_message(seq)).await??;
        Ok(())
    }
}

fn is_missing(error: &GetStreamError) -> bool {
    match error.kind() {
        GetStreamErrorKind::JetStream(cause) => cause.error_code() == ErrorCode::STREAM_NOT_FOUND,
        _ => false,
    }
}
