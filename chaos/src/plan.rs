//! Which part is broken when, decided by the seed alone.
//!
//! Faults of one *lane* come one after the other; lanes are independent, so that anything may be down together
//! with anything else. The three NATS nodes share a lane: with two of them down there is no quorum, and what
//! happens then is no news.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How many of each part run.
pub const GATEWAYS: usize = 2;
/// More than gateways, so that partitions move to and fro.
pub const PERSISTERS: usize = 3;
/// The nodes of NATS.
pub const NATS_NODES: usize = local::nats_cluster::NODES;

/// How long a killed process stays away, and a connection stays refused.
const AWAY_MS: Range<u64> = 0..3_000;
/// How long a process is stopped, and a connection held.
const STOPPED_MS: Range<u64> = 500..4_000;
/// Share of killed processes that are killed again while they start, in percent, and how soon.
const AGAIN_PERCENT: u32 = 30;
const AGAIN_MS: Range<u64> = 10..1_500;
/// Everything starts in peace.
const FIRST_AFTER_MS: u64 = 1_000;

/// What comes one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A gateway, by index.
    Gateway(usize),
    /// A persister, by index.
    Persister(usize),
    /// Any NATS node.
    Nats,
    /// PostgreSQL.
    Postgres,
    /// What clients reach a gateway through.
    ClientLink(usize),
    /// What a gateway reaches a NATS node through.
    NatsLink {
        /// Which gateway.
        gateway: usize,
        /// Which node.
        node: usize,
    },
    /// What a persister reaches a NATS node through.
    PersisterNatsLink {
        /// Which persister.
        persister: usize,
        /// Which node.
        node: usize,
    },
    /// What a persister reaches the database through.
    DatabaseLink(usize),
}

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL, and started again after a while.
    Kill {
        /// How long it stays away.
        away: Duration,
        /// It is killed again this long after its new start, unless it is ready by then.
        again: Option<Duration>,
    },
    /// SIGSTOP, and SIGCONT after a while: alive, deaf, and of the opinion that no time has passed.
    Stop {
        /// How long.
        stopped: Duration,
    },
    /// SIGTERM, and started again when it has drained.
    Restart,
    /// Every connection is cut, and new ones are refused for a while.
    Cut {
        /// How long; zero lets them come back at once.
        refused: Duration,
    },
    /// Nothing goes through for a while, and nothing is cut.
    Hold {
        /// How long.
        held: Duration,
    },
}

/// A blow and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// From the beginning of the load. A fault whose lane is still busy with the one before comes late.
    pub at: Duration,
    /// Which of the lane's parts: the NATS node; 0 where there is only one.
    pub part: usize,
    /// What is done to it.
    pub blow: Blow,
}

/// All lanes with their faults, each in the order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The lanes.
    pub lanes: Vec<(Lane, Vec<Fault>)>,
}

impl Plan {
    /// The plan of a seed for a load of this length.
    pub fn new(seed: u64, length: Duration) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let lanes = all_lanes()
            .into_iter()
            .map(|lane| (lane, lane.faults(length, &mut rng)))
            .collect();
        Self { lanes }
    }
}

fn all_lanes() -> Vec<Lane> {
    let mut lanes = vec![Lane::Nats, Lane::Postgres];
    for gateway in 0..GATEWAYS {
        lanes.extend([Lane::Gateway(gateway), Lane::ClientLink(gateway)]);
        lanes.extend((0..NATS_NODES).map(|node| Lane::NatsLink { gateway, node }));
    }
    for persister in 0..PERSISTERS {
        lanes.extend([Lane::Persister(persister), Lane::DatabaseLink(persister)]);
        lanes.extend((0..NATS_NODES).map(|node| Lane::PersisterNatsLink { persister, node }));
    }
    lanes
}

impl Lane {
    fn faults(self, length: Duration, rng: &mut StdRng) -> Vec<Fault> {
        let pause = self.pause_ms();
        let mut faults = Vec::new();
        // Not a whole pause before the first, or short runs would see few faults of the slow lanes.
        let mut at = FIRST_AFTER_MS + rng.random_range(0..pause.start);
        while Duration::from_millis(at) < length {
            faults.push(Fault {
                at: Duration::from_millis(at),
                part: match self {
                    Self::Nats => rng.random_range(0..NATS_NODES),
                    _ => 0,
                },
                blow: self.blow(rng),
            });
            at += rng.random_range(pause.clone());
        }
        faults
    }

    /// From one fault to the next. Long enough, over all lanes, that there is work between the outages.
    fn pause_ms(self) -> Range<u64> {
        match self {
            // Losing the leader of a stream stalls it for 4 to 9 s; a crashed database replays its log.
            Self::Nats | Self::Postgres => 20_000..40_000,
            Self::Gateway(_) => 9_000..20_000,
            Self::Persister(_) => 8_000..20_000,
            Self::ClientLink(_) => 4_000..12_000,
            Self::NatsLink { .. } | Self::DatabaseLink(_) => 10_000..30_000,
            Self::PersisterNatsLink { .. } => 15_000..40_000,
        }
    }

    fn blow(self, rng: &mut StdRng) -> Blow {
        let away = millis(rng, AWAY_MS);
        let long = millis(rng, STOPPED_MS);
        let again =
            Some(millis(rng, AGAIN_MS)).filter(|_| rng.random_range(0..100) < AGAIN_PERCENT);
        let dice = rng.random_range(0..100);
        match self {
            Self::Gateway(_) | Self::Persister(_) => match dice {
                0..50 => Blow::Kill { away, again },
                50..85 => Blow::Stop { stopped: long },
                _ => Blow::Restart,
            },
            Self::Nats | Self::Postgres => match dice {
                0..60 => Blow::Kill { away, again },
                _ => Blow::Stop { stopped: long },
            },
            _ => match dice {
                0..50 => Blow::Cut {
                    refused: Duration::ZERO,
                },
                50..80 => Blow::Cut { refused: away },
                _ => Blow::Hold { held: long },
            },
        }
    }
}

fn millis(rng: &mut StdRng, range: Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}

/// `gateway-1`, `gateway-1 to nats-2`: as logs name it.
impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(index) => write!(f, "gateway-{}", index + 1),
            Self::Persister(index) => write!(f, "persister-{}", index + 1),
            Self::Nats => f.write_str("nats"),
            Self::Postgres => f.write_str("postgres"),
            Self::ClientLink(index) => write!(f, "clients to gateway-{}", index + 1),
            Self::NatsLink { gateway, node } => {
                write!(f, "gateway-{} to nats-{}", gateway + 1, node + 1)
            }
            Self::PersisterNatsLink { persister, node } => {
                write!(f, "persister-{} to nats-{}", persister + 1, node + 1)
            }
            Self::DatabaseLink(index) => write!(f, "persister-{} to postgres", index + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_mins(10);

    #[test]
    fn a_seed_means_one_plan() {
        assert_eq!(Plan::new(7, LENGTH), Plan::new(7, LENGTH));
        assert_ne!(Plan::new(7, LENGTH), Plan::new(8, LENGTH));
    }

    #[test]
    fn every_part_and_every_link_has_its_lane_and_its_faults() {
        let plan = Plan::new(1, LENGTH);
        let links = GATEWAYS * (1 + NATS_NODES) + PERSISTERS * (1 + NATS_NODES);
        assert_eq!(plan.lanes.len(), 2 + GATEWAYS + PERSISTERS + links);
        for (lane, faults) in &plan.lanes {
            assert!(faults.len() >= 10, "{lane}: {}", faults.len());
            assert!(faults.iter().all(|fault| fault.at < LENGTH), "{lane}");
            assert!(faults.is_sorted_by_key(|fault| fault.at), "{lane}");
        }
    }

    #[test]
    fn half_a_minute_has_a_fault_of_nats_and_of_the_database() {
        for seed in 0..100 {
            let plan = Plan::new(seed, Duration::from_secs(30));
            for (lane, faults) in plan.lanes.iter().take(2) {
                assert!(!faults.is_empty(), "{lane} of seed {seed}");
            }
        }
    }

    #[test]
    fn processes_are_killed_and_stopped_and_links_are_cut_and_held() {
        let plan = Plan::new(3, LENGTH);
        for (lane, faults) in &plan.lanes {
            let some = |wanted: fn(&Blow) -> bool| faults.iter().any(|fault| wanted(&fault.blow));
            let is_process = some(|blow| matches!(blow, Blow::Kill { .. }));
            let is_link = some(|blow| matches!(blow, Blow::Cut { .. }));
            assert!(is_process != is_link, "{lane}");
            if is_process {
                assert!(some(|blow| matches!(blow, Blow::Stop { .. })), "{lane}");
            }
        }
    }
}
