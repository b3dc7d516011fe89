//! Which partition a chat belongs to.
//!
//! `fnv1a32(chat id in decimal) % partitions`, the function behind NATS's own `{{partition(n,1)}}` mapping, so
//! that a server-side mapping could take over without moving a chat. The number of partitions is fixed at
//! first start: the persister keeps it in the database, gateways learn it from the beacons.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ChatId;

/// How many partitions a deployment has: 1 to [`PartitionCount::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct PartitionCount(u16);

impl PartitionCount {
    /// More would push event ids beyond 2^53, which JavaScript cannot count (design, pitfall 12).
    pub const MAX: u16 = 64;

    /// The number itself.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Every partition, in order.
    pub fn all(self) -> impl Iterator<Item = Partition> {
        (0..self.0).map(Partition)
    }

    /// The partition that carries a chat's commands and events.
    pub fn of(self, chat: ChatId) -> Partition {
        let hash = fnv1a32(chat.to_string().as_bytes());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a remainder of a u16 fits a u16"
        )]
        Partition((hash % u32::from(self.0)) as u16)
    }
}

/// A number of partitions that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number of partitions must be from 1 to {max}", max = PartitionCount::MAX)]
pub struct BadPartitionCount;

impl TryFrom<u16> for PartitionCount {
    type Error = BadPartitionCount;

    fn try_from(count: u16) -> Result<Self, BadPartitionCount> {
        if (1..=Self::MAX).contains(&count) {
            Ok(Self(count))
        } else {
            Err(BadPartitionCount)
        }
    }
}

impl From<PartitionCount> for u16 {
    fn from(count: PartitionCount) -> u16 {
        count.0
    }
}

impl std::str::FromStr for PartitionCount {
    type Err = BadPartitionCount;

    fn from_str(text: &str) -> Result<Self, BadPartitionCount> {
        text.parse::<u16>()
            .map_err(|_| BadPartitionCount)?
            .try_into()
    }
}

impl fmt::Display for PartitionCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One partition, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(u16);

impl Partition {
    /// The partition with this number. The caller knows that it exists.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number, from 0.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// FNV-1a, 32 bits.
fn fnv1a32(octets: &[u8]) -> u32 {
    octets.iter().fold(0x811c_9dc5, |hash, octet| {
        (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // From the FNV reference test suite.
        assert_eq!(fnv1a32(b""), 0x811c_9dc5);
        assert_eq!(fnv1a32(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a32(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn chats_spread_over_all_partitions() {
        let eight = PartitionCount::try_from(8).unwrap();
        let mut chats = [0_u32; 8];
        for chat in 1..=800 {
            chats[usize::from(eight.of(ChatId::try_from(chat).unwrap()).get())] += 1;
        }
        assert!(chats.iter().all(|n| (50..200).contains(n)), "{chats:?}");
    }

    #[test]
    fn counts_outside_the_range_are_refused() {
        for bad in ["0", "65", "-1", "x", ""] {
            assert_eq!(
                bad.parse::<PartitionCount>(),
                Err(BadPartitionCount),
                "{bad:?}"
            );
        }
    }
}
