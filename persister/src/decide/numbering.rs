//! From a place in a command stream to an event id.
//!
//! `id = (base + seq) * partitions + partition`: deterministic, so that a replay gives equal ids; distinct over
//! all partitions; and growing along each chat, since a chat never changes its partition. When a stream starts
//! again from 1, `base` is raised so that ids go on growing (design sections 1.3 and 4.3.11).

use shared::id::EventId;
use shared::partition::{Partition, PartitionCount};

/// How the events of one partition are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// Added to each sequence.
    pub base: i64,
    /// Which partition.
    pub partition: Partition,
    /// Out of how many.
    pub partitions: PartitionCount,
}

impl Numbering {
    /// Id of the event that the command at `seq` causes.
    pub fn event_id(self, seq: i64) -> EventId {
        let number =
            (self.base + seq) * i64::from(self.partitions.get()) + i64::from(self.partition.get());
        EventId::try_from(number).expect("sequences start at 1 and bases at 0")
    }

    /// Sequence of the command that caused this event, if it is of this partition. Of the time before the
    /// last change of `base`, a number that stands for "before" (it is below the stream's first sequence).
    pub fn seq(self, event: EventId) -> Option<i64> {
        let partitions = i64::from(self.partitions.get());
        (event.get() % partitions == i64::from(self.partition.get()))
            .then(|| event.get() / partitions - self.base)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_grow_with_the_sequence_and_read_back(
            base in 0..1_i64 << 40,
            seq in 1..1_i64 << 40,
            (partitions, partition) in (1..=PartitionCount::MAX).prop_flat_map(|n| (Just(n), 0..n)),
        ) {
            let numbering = Numbering {
                base,
                partition: Partition::new(partition),
                partitions: partitions.try_into().unwrap(),
            };
            let id = numbering.event_id(seq);
            prop_assert!(numbering.event_id(seq + 1) > id);
            prop_assert_eq!(numbering.seq(id), Some(seq));
            prop_assert!(id.get() < 1 << 53, "JavaScript can count it");
        }
    }

    #[test]
    fn one_partition_numbers_without_holes() {
        let numbering = Numbering {
            base: 0,
            partition: Partition::new(0),
            partitions: 1.try_into().unwrap(),
        };
        let ids: Vec<_> = (1..4).map(|seq| numbering.event_id(seq).get()).collect();
        assert_eq!(ids, [1, 2, 3]);
    }
}
