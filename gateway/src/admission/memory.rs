//! Whether there is memory left for newcomers.
//!
//! What counts is the resident memory of the process, since that is what the kernel kills for: connections, queues
//! of slow readers, half-read frames, whatever it was spent on. It is looked at several times a second, and what
//! the rate of newcomers lets in between two looks is small beside the distance to the real limit.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::metric;

/// How often memory is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Share of what the process may use at all that connections may fill it to, in percent. The rest is for those
/// who are here already.
const DEFAULT_PERCENT: u64 = 80;

/// Whether memory is used up; cheap to clone.
#[derive(Debug, Clone)]
pub struct Memory {
    octets_max: Option<u64>,
    used_up: Arc<AtomicBool>,
}

impl Memory {
    /// Used up from so many resident octets on; without a number, from a share of what the process may use.
    pub fn new(octets_max: Option<u64>) -> Self {
        let by_default = || Some(allowance()? / 100 * DEFAULT_PERCENT);
        Self {
            octets_max: octets_max.or_else(by_default),
            used_up: Arc::default(),
        }
    }

    /// Never used up.
    pub fn without_bound() -> Self {
        Self {
            octets_max: None,
            used_up: Arc::default(),
        }
    }

    /// The bound, in octets.
    pub fn octets_max(&self) -> Option<u64> {
        self.octets_max
    }

    /// Whether newcomers have to be turned away.
    pub fn is_used_up(&self) -> bool {
        self.used_up.load(Ordering::Relaxed)
    }

    /// Looks again and again, and says when something changed.
    pub async fn watch(self) {
        let resident_gauge = metrics::gauge!(metric::RESIDENT_MEMORY);
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        loop {
            looks.tick().await;
            let Some(resident) = resident() else {
                // Not a Linux: there is nothing to look at, which the start has said.
                return std::future::pending().await;
            };
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            resident_gauge.set(resident as f64);
            self.note(resident);
        }
    }

    fn note(&self, resident: u64) {
        let Some(octets_max) = self.octets_max else {
            return;
        };
        let is_over = resident > octets_max;
        if self.used_up.swap(is_over, Ordering::Relaxed) == is_over {
            return;
        }
        if is_over {
            tracing::warn!(
                resident,
                octets_max,
                "memory is used up: new clients are turned away"
            );
        } else {
            tracing::info!(
                resident,
                octets_max,
                "there is memory for new clients again"
            );
        }
    }
}

/// Octets of this process that are in memory.
fn resident() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// What this process may use: the limit of its container, or what the machine has.
fn allowance() -> Option<u64> {
    let read = |path| fs::read_to_string(path).ok();
    let of_container = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]
    .into_iter()
    .find_map(|path| read(path)?.trim().parse().ok());
    let of_machine = read("/proc/meminfo").and_then(|text| meminfo_total(&text));
    of_container.into_iter().chain(of_machine).min()
}

/// `MemTotal:       24689764 kB`
fn meminfo_total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_are_turned_away_above_the_bound_and_only_there() {
        let memory = Memory::new(Some(1_000));
        for (resident, used_up) in [(999, false), (1_000, false), (1_001, true), (1_000, false)] {
            memory.note(resident);
            assert_eq!(memory.is_used_up(), used_up, "{resident}");
        }
        let memory = Memory::without_bound();
        memory.note(u64::MAX);
        assert!(!memory.is_used_up());
    }

    #[test]
    fn the_total_of_the_machine_is_found() {
        let text = "MemTotal:       24689764 kB\nMemFree:        1 kB\n";
        assert_eq!(meminfo_total(text), Some(24_689_764 * 1_024));
        assert_eq!(meminfo_total("nothing"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_some_memory_and_less_than_it_may() {
        let (resident, allowance) = (resident().unwrap(), allowance().unwrap());
        assert!(
            resident > 1 << 20 && resident < allowance,
            "{resident} {allowance}"
        );
    }
}
