//! Commands that cannot be carried out are set aside instead of lost: put into a stream of their own, with the
//! reason, before the partition goes on behind them.
//!
//! ```text
//! subject  aside.<p>
//! headers  Nats-Msg-Id: <stream>-<sequence>-<time>     (and -<index>) once, whoever sets it aside, and however often
//!          Set-Aside-Reason: unknown_body               [`Reason::name`]
//!          Set-Aside-Subject: cmd.0.4.JOIN              where the command was published,
//!          Set-Aside-Stream: CMD_0                      where it was found
//!          Set-Aside-Sequence: 17
//!          Set-Aside-Time: 2024-08-16T17:26:57.660207Z
//!          Set-Aside-Cut: yes                           only if it was too large to be kept whole
//!          Original-<name>: <value>                     each header it had
//! body     as it was
//! ```
//!
//! Its own headers are renamed because NATS would follow some of them, `Nats-Expected-Last-Sequence` for one. The
//! message id names the time as well as the place, since sequences begin again when a stream is made anew.

mod inventory;
mod kept;

use std::fmt::{self, Write as _};

use async_nats::header::{HeaderMap, HeaderName, NATS_MESSAGE_ID};
use async_nats::jetstream::message::PublishMessage;
use shared::clock::Timestamp;
use shared::partition::Partition;
use shared::stream::command_stream_name;

use crate::delivery::Original;

pub use inventory::{Inventory, Replayed};
pub use kept::{Kept, NotKept};

/// Longest body and most octets of headers kept. Commands have some fifty; NATS takes 1 MiB with everything.
const PAYLOAD_OCTETS_MAX: usize = 256 << 10;
const HEADERS_OCTETS_MAX: usize = 64 << 10;

const REASON: &str = "Set-Aside-Reason";
const SUBJECT: &str = "Set-Aside-Subject";
const STREAM: &str = "Set-Aside-Stream";
const SEQUENCE: &str = "Set-Aside-Sequence";
const TIME: &str = "Set-Aside-Time";
const CUT: &str = "Set-Aside-Cut";
const ORIGINAL: &str = "Original-";

/// Why a command cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has no name, so it could not be told from its own repetition.
    NoCommandId,
    /// The subject names no chat, or nothing that one can ask for.
    UnknownSubject,
    /// The body is not what a command's body is.
    UnknownBody,
    /// Body and subject name different chats.
    OtherChat,
    /// The chat belongs to another partition.
    OtherPartition,
    /// The database will not take what it comes to.
    RefusedByDatabase,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NoCommandId,
        Self::UnknownSubject,
        Self::UnknownBody,
        Self::OtherChat,
        Self::OtherPartition,
        Self::RefusedByDatabase,
    ];

    /// Its name in headers, metrics and lists.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCommandId => "no_command_id",
            Self::UnknownSubject => "unknown_subject",
            Self::UnknownBody => "unknown_body",
            Self::OtherChat => "other_chat",
            Self::OtherPartition => "other_partition",
            Self::RefusedByDatabase => "refused_by_database",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A command's place in its stream.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Whose stream.
    pub partition: Partition,
    /// Sequence of its message there.
    pub seq: i64,
    /// Which of the commands of that message it is.
    pub index: u16,
    /// When the stream accepted it.
    pub time: Timestamp,
}

/// What is put into the stream.
pub fn message(place: Place, original: &Original, reason: Reason) -> PublishMessage {
    let stream = command_stream_name(place.partition);
    let mut headers = HeaderMap::new();
    let mut id = format!("{stream}-{}-{}", place.seq, place.time.micros());
    if place.index > 0 {
        let _ = write!(id, "-{}", place.index);
    }
    headers.insert(NATS_MESSAGE_ID, id);
    headers.insert(REASON, reason.name());
    headers.insert(SUBJECT, original.subject.as_str());
    headers.insert(STREAM, stream);
    headers.insert(SEQUENCE, place.seq.to_string());
    headers.insert(TIME, place.time.to_string());
    let mut cut = original.payload.len() > PAYLOAD_OCTETS_MAX;
    cut |= !copy(original.headers.as_ref(), &mut headers);
    if cut {
        headers.insert(CUT, "yes");
    }
    let end = original.payload.len().min(PAYLOAD_OCTETS_MAX);
    PublishMessage::build()
        .headers(headers)
        .payload(original.payload.slice(..end))
}

/// Copies headers under their new names; whether that was possible with all of them.
fn copy(from: Option<&HeaderMap>, to: &mut HeaderMap) -> bool {
    let mut room = HEADERS_OCTETS_MAX;
    for (name, values) in from.into_iter().flat_map(HeaderMap::iter) {
        let renamed: Result<HeaderName, _> = format!("{ORIGINAL}{name}").parse();
        let Ok(renamed) = renamed else {
            return false;
        };
        for value in values {
            let octets = AsRef::<str>::as_ref(&renamed).len() + value.as_str().len();
            let Some(rest) = room.checked_sub(octets) else {
                return false;
            };
            room = rest;
            to.append(renamed.clone(), value.clone());
        }
    }
    true
}
