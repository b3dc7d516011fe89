//! Which partitions have a live owner, as told by their beacons.
//!
//! A command for a partition without one is refused at once instead of being left to wait for an answer that
//! nobody will give. The beacons also tell how many partitions there are, so that this is no setting of the
//! gateway that could differ from the persisters'.

use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use shared::admin::Readiness;
use shared::beacon::{self, Beacon, OwnerState};
use shared::bus::Bus;
use shared::command::packing::COMMANDS_PER_MESSAGE_MAX;
use shared::id::ChatId;
use shared::partition::{Partition, PartitionCount};

use crate::auth::Authenticator;

/// What is known of the owners; shared by all who publish.
#[derive(Debug, Default)]
pub struct Owners {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    count: Option<PartitionCount>,
    owners: Vec<Option<Owner>>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    heard: Instant,
    epoch: i64,
    state: OwnerState,
    commands_per_message: u16,
}

/// Where a chat's commands go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Out of how many partitions.
    pub partitions: PartitionCount,
    /// Which one.
    pub partition: Partition,
    /// Most commands that its owner reads from one message, and we send in one.
    pub commands_per_message: u16,
}

/// Why a partition takes no commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Nobody has said how many partitions there are.
    #[error("no persister has been heard of")]
    NoPersister,
    /// Nobody speaks for it.
    #[error("partition {0} has no live owner")]
    NoOwner(Partition),
    /// The owner cannot write.
    #[error("the owner of partition {0} cannot reach its database")]
    DatabaseDown(Partition),
    /// The owner would not answer in time.
    #[error("the owner of partition {0} is too far behind")]
    Backlog(Partition),
}

/// A beacon tells of another number of partitions than those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number of partitions changed from {before} to {after}")]
pub struct Repartitioned {
    before: PartitionCount,
    after: PartitionCount,
}

impl Owners {
    /// Takes note of a beacon. One of an owner that was replaced meanwhile is ignored.
    ///
    /// # Errors
    /// [`Repartitioned`]: everything this process knows about subjects is wrong, it has to start again.
    pub fn on_beacon(&self, beacon: &Beacon, now: Instant) -> Result<(), Repartitioned> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let count = *known.count.get_or_insert(beacon.partitions);
        if count != beacon.partitions {
            return Err(Repartitioned {
                before: count,
                after: beacon.partitions,
            });
        }
        known.owners.resize(count.get().into(), None);
        if let Some(owner) = known.owners.get_mut(usize::from(beacon.partition.get()))
            && owner.is_none_or(|owner| owner.epoch <= beacon.epoch)
        {
            *owner = Some(Owner {
                heard: now,
                epoch: beacon.epoch,
                state: beacon.state,
                commands_per_message: beacon
                    .commands_per_message
                    .clamp(1, COMMANDS_PER_MESSAGE_MAX),
            });
        }
        Ok(())
    }

    /// The number of partitions, once known.
    pub fn partitions(&self) -> Option<PartitionCount> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .count
    }

    /// Whether a command for this chat would be carried out now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, chat: ChatId, now: Instant) -> Result<Way, NotTaken> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let way = known.way(chat).ok_or(NotTaken::NoPersister)?;
        known.check(way.partition, now)?;
        Ok(way)
    }

    /// Where a command for this chat would go, whether or not anybody would carry it out now. Unknown until a persister
    /// has been heard of.
    pub fn way(&self, chat: ChatId) -> Option<Way> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.way(chat)
    }

    /// Whether every partition takes commands now.
    fn check_all(&self, now: Instant) -> Result<(), NotTaken> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let count = known.count.ok_or(NotTaken::NoPersister)?;
        count
            .all()
            .try_for_each(|partition| known.check(partition, now))
    }
}

impl Known {
    fn way(&self, chat: ChatId) -> Option<Way> {
        let partitions = self.count?;
        let partition = partitions.of(chat);
        let owner = self.owners.get(usize::from(partition.get())).copied();
        Some(Way {
            partitions,
            partition,
            commands_per_message: owner
                .flatten()
                .map_or(1, |owner| owner.commands_per_message),
        })
    }

    fn check(&self, partition: Partition, now: Instant) -> Result<(), NotTaken> {
        let owner = self
            .owners
            .get(usize::from(partition.get()))
            .copied()
            .flatten();
        match owner {
            Some(owner) if now.saturating_duration_since(owner.heard) <= beacon::SILENCE_MAX => {
                match owner.state {
                    OwnerState::Ok => Ok(()),
                    OwnerState::DatabaseDown => Err(NotTaken::DatabaseDown(partition)),
                    OwnerState::Backlog => Err(NotTaken::Backlog(partition)),
                }
            }
            _ => Err(NotTaken::NoOwner(partition)),
        }
    }
}

/// The gateway is ready when NATS is there, tokens can be checked and every partition takes commands.
pub struct GatewayReadiness {
    /// The connection commands go out on.
    pub bus: Bus,
    /// What the beacons said.
    pub owners: std::sync::Arc<Owners>,
    /// What tokens are checked with.
    pub auth: Authenticator,
}

impl Readiness for GatewayReadiness {
    fn readiness(&self) -> Result<(), String> {
        if !self.bus.is_connected() {
            return Err("not connected to NATS".to_owned());
        }
        self.auth.readiness()?;
        self.owners
            .check_all(Instant::now())
            .map_err(|reason| reason.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn beacon(partition: u16, partitions: u16, epoch: i64, state: OwnerState) -> Beacon {
        let partitions = partitions.try_into().unwrap();
        Beacon {
            partition: Partition::new(partition),
            partitions,
            epoch,
            state,
            lag: 0,
            commands_per_message: 1,
            heads: vec![],
        }
    }

    #[test]
    fn ready_only_when_every_partition_has_spoken_lately() {
        let (owners, start) = (Owners::default(), Instant::now());
        assert_eq!(owners.check_all(start), Err(NotTaken::NoPersister));
        owners
            .on_beacon(&beacon(0, 2, 1, OwnerState::Ok), start)
            .unwrap();
        assert_eq!(
            owners.check_all(start),
            Err(NotTaken::NoOwner(Partition::new(1)))
        );
        owners
            .on_beacon(
                &beacon(1, 2, 1, OwnerState::Ok),
                start + Duration::from_secs(1),
            )
            .unwrap();
        assert_eq!(owners.check_all(start + Duration::from_secs(3)), Ok(()));
        assert_eq!(
            owners.check_all(start + Duration::from_secs(4)),
            Err(NotTaken::NoOwner(Partition::new(0)))
        );
    }

    #[test]
    fn a_message_has_as_many_commands_as_its_owner_reads_and_no_more_than_we_send() {
        let (owners, now) = (Owners::default(), Instant::now());
        let chat = 4.try_into().unwrap();
        assert_eq!(owners.way(chat), None);
        for (says, expected) in [(1, 1), (7, 7), (u16::MAX, COMMANDS_PER_MESSAGE_MAX)] {
            let beacon = Beacon {
                commands_per_message: says,
                ..beacon(0, 1, 5, OwnerState::Ok)
            };
            owners.on_beacon(&beacon, now).unwrap();
            let way = owners.check(chat, now).unwrap();
            assert_eq!(
                (way.commands_per_message, Some(way)),
                (expected, owners.way(chat))
            );
        }
        // One from before there were several in a message.
        let old = r#"{"partition":0,"partitions":1,"epoch":6,"state":"ok","lag":0,"heads":[]}"#;
        owners
            .on_beacon(&serde_json::from_str(old).unwrap(), now)
            .unwrap();
        assert_eq!(owners.way(chat).unwrap().commands_per_message, 1);
    }

    #[test]
    fn a_replaced_owner_is_not_listened_to() {
        let (owners, now) = (Owners::default(), Instant::now());
        owners
            .on_beacon(&beacon(0, 1, 5, OwnerState::Ok), now)
            .unwrap();
        owners
            .on_beacon(&beacon(0, 1, 4, OwnerState::DatabaseDown), now)
            .unwrap();
        assert_eq!(owners.check_all(now), Ok(()));
        owners
            .on_beacon(&beacon(0, 1, 5, OwnerState::DatabaseDown), now)
            .unwrap();
        assert_eq!(
            owners.check_all(now),
            Err(NotTaken::DatabaseDown(Partition::new(0)))
        );
    }

    #[test]
    fn another_number_of_partitions_is_an_error() {
        let (owners, now) = (Owners::default(), Instant::now());
        owners
            .on_beacon(&beacon(0, 2, 1, OwnerState::Ok), now)
            .unwrap();
        assert!(
            owners
                .on_beacon(&beacon(0, 4, 1, OwnerState::Ok), now)
                .is_err()
        );
    }
}
