//! From a place in a command stream to an event id.
//!
//! Commands are numbered along the stream, and `id = number * partitions + partition`: deterministic, so that a replay
//! gives equal ids; distinct over all partitions; and growing along each chat, since a chat never changes its partition.
//!
//! A message's first command has the number `base + sequence`. `base` grows by one for each further command of a
//! message, and when a stream starts again from 1, so that numbers go on growing (design sections 1.3 and 4.3.11). It
//! moves with the sequence, in one transaction. Of messages that the stream has lost nobody knows how many commands they
//! had: as many as there can be, so that no number is given out twice.

use shared::command::packing::COMMANDS_PER_MESSAGE_MAX;
use shared::id::EventId;
use shared::partition::{Partition, PartitionCount};

use super::Wish;

/// A place between two messages of a command stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Sequence of the message before it.
    pub seq: i64,
    /// Added to the sequence of the message behind it.
    pub id_base: i64,
}

impl Mark {
    /// Number of the last command before it.
    pub const fn number(self) -> i64 {
        self.id_base + self.seq
    }

    /// Numbers of commands that follow, from the first of a message on.
    pub fn numbers(self, wishes: &[Wish]) -> impl Iterator<Item = i64> {
        wishes.iter().scan(self, |mark, wish| {
            let number = mark.base_of(wish) + wish.seq + i64::from(wish.index);
            *mark = mark.behind(wish);
            Some(number)
        })
    }

    /// The place behind a command that follows. Inside of a message it is still the one before.
    #[must_use]
    pub fn behind(self, wish: &Wish) -> Self {
        if wish.is_last {
            Self {
                seq: wish.seq,
                id_base: self.base_of(wish) + i64::from(wish.index),
            }
        } else {
            self
        }
    }

    fn base_of(self, wish: &Wish) -> i64 {
        let lost = (wish.seq - self.seq - 1).max(0);
        self.id_base + lost * i64::from(COMMANDS_PER_MESSAGE_MAX - 1)
    }
}

/// How the commands of one partition become events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// Which partition.
    pub partition: Partition,
    /// Out of how many.
    pub partitions: PartitionCount,
}

impl Numbering {
    /// Id of the event that the command of this number causes.
    pub fn event_id(self, number: i64) -> EventId {
        let id = number * i64::from(self.partitions.get()) + i64::from(self.partition.get());
        EventId::try_from(id).expect("sequences start at 1 and bases at 0")
    }

    /// Number of the command that caused this event, if it is of this partition.
    pub fn number(self, event: EventId) -> Option<i64> {
        let partitions = i64::from(self.partitions.get());
        (event.get() % partitions == i64::from(self.partition.get()))
            .then(|| event.get() / partitions)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use shared::clock::Timestamp;
    use shared::error_code::ErrorCode;

    use super::*;

    /// Messages of so many commands each, from `seq` on.
    fn messages(seq: i64, sizes: &[u16]) -> Vec<Wish> {
        (seq..)
            .zip(sizes)
            .flat_map(|(seq, size)| {
                (0..*size).map(move |index| Wish {
                    seq,
                    index,
                    is_last: index + 1 == *size,
                    message_id: None,
                    time: Timestamp::from_micros(0),
                    id: None,
                    is_repetition: false,
                    asks: Err(ErrorCode::MalformedPayload),
                })
            })
            .collect()
    }

    proptest! {
        #[test]
        fn numbers_have_no_holes_however_commands_are_packed_and_cut_into_batches(
            base in 0..1_i64 << 40,
            seq in 1..1_i64 << 40,
            sizes in vec(1..5_u16, 1..20),
            cut in 0..20_usize,
        ) {
            let cut = cut.min(sizes.len());
            let (early, late) = sizes.split_at(cut);
            let mark = Mark { seq: seq - 1, id_base: base };
            let early = messages(seq, early);
            let between = early.iter().fold(mark, Mark::behind);
            let late = messages(between.seq + 1, late);
            let behind = late.iter().fold(between, Mark::behind);
            let numbers: Vec<_> = mark.numbers(&early).chain(between.numbers(&late)).collect();
            let expected: Vec<_> = (base + seq..).take(numbers.len()).collect();
            prop_assert_eq!(behind.number(), *expected.last().unwrap());
            prop_assert_eq!(numbers, expected);
        }

        #[test]
        fn ids_grow_with_the_number_and_read_back(
            number in 1..1_i64 << 41,
            (partitions, partition) in (1..=PartitionCount::MAX).prop_flat_map(|n| (Just(n), 0..n)),
        ) {
            let numbering = Numbering {
                partition: Partition::new(partition),
                partitions: partitions.try_into().unwrap(),
            };
            let id = numbering.event_id(number);
            prop_assert!(numbering.event_id(number + 1) > id);
            prop_assert_eq!(numbering.number(id), Some(number));
            prop_assert!(id.get() < 1 << 53, "JavaScript can count it");
        }
    }

    #[test]
    fn inside_of_a_message_the_place_is_the_one_before_it() {
        let mark = Mark {
            seq: 6,
            id_base: 10,
        };
        let message = messages(7, &[3]);
        let places: Vec<_> = message
            .iter()
            .scan(mark, |mark, wish| {
                *mark = mark.behind(wish);
                Some((mark.seq, mark.id_base))
            })
            .collect();
        assert_eq!(places, [(6, 10), (6, 10), (7, 12)]);
    }

    #[test]
    fn what_the_stream_has_lost_may_have_been_full() {
        let mark = Mark {
            seq: 6,
            id_base: 10,
        };
        let behind_loss = messages(9, &[2, 1]);
        let full = i64::from(COMMANDS_PER_MESSAGE_MAX);
        let first = mark.number() + 2 * full + 1;
        let numbers: Vec<_> = mark.numbers(&behind_loss).collect();
        assert_eq!(numbers, [first, first + 1, first + 2]);
        let behind = behind_loss.iter().fold(mark, Mark::behind);
        assert_eq!((behind.seq, behind.number()), (10, first + 2));
    }
}
