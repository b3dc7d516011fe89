//! What the owner of a partition says about itself, every second, on `hb.<p>`.
//!
//! Gateways learn from it how many partitions there are, which of them can take commands, and which events
//! they should have seen by now.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{ChatId, EventId};
use crate::partition::{Partition, PartitionCount};

/// How often an owner speaks.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// After this long without a word a partition counts as having no owner. Longer than a lease (1.5 s) and one
/// interval, so that an ordinary take-over goes unnoticed.
pub const SILENCE_MAX: Duration = Duration::from_secs(3);

/// How long after its last event a chat is listed in [`Beacon::heads`].
pub const HEADS_WINDOW: Duration = Duration::from_secs(3);

/// Most chats listed in one beacon; of more, the most recently active are.
pub const HEADS_MAX: usize = 1_000;

/// Whether the owner can carry out commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerState {
    /// It can.
    Ok,
    /// The database does not take writes.
    DatabaseDown,
    /// It is so far behind that a new command would not be answered in time.
    Backlog,
}

/// One word from the owner of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// Of which partition.
    pub partition: Partition,
    /// Out of how many; the same for the life of a deployment.
    pub partitions: PartitionCount,
    /// Grows with every change of owner.
    pub epoch: i64,
    /// Whether it can carry out commands.
    pub state: OwnerState,
    /// Messages in the command stream that are not yet carried out.
    pub lag: u64,
    /// Most commands that it reads from one message. Who does not say reads one.
    #[serde(default = "one")]
    pub commands_per_message: u16,
    /// Recently active chats with the newest event published in each.
    pub heads: Vec<(ChatId, EventId)>,
}

fn one() -> u16 {
    1
}
