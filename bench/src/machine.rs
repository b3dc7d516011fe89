//! What the kernel knows: which core a process may use, how much of it it used, how much memory it takes.

use std::fs;
use std::ops::{Add, Sub};
use std::time::Duration;

use anyhow::Context;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// A kernel page, in octets, on every machine this runs on.
const PAGE_OCTETS: u64 = 4_096;

/// Cores that this thread, and whatever it starts meanwhile, may run on.
#[must_use = "the former cores are given back when this is dropped"]
pub struct Pinned(CpuSet);

/// Confines this thread and what it starts to one core until the result is dropped.
pub fn pin(core: usize) -> anyhow::Result<Pinned> {
    let before = sched_getaffinity(None)?;
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("there is no core {core}"))?;
    Ok(Pinned(before))
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Fails only when those cores are gone meanwhile.
        let _ = sched_setaffinity(None, &self.0);
    }
}

/// What a process and its children have used, and take now.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Usage {
    /// User and system time of all threads.
    pub cpu: Duration,
    /// Resident octets.
    pub rss: u64,
    /// Resident octets, shared ones divided by who shares them.
    pub pss: u64,
}

impl Usage {
    /// Of a process and all its descendants.
    pub fn of(pid: i32) -> anyhow::Result<Self> {
        let own = Self {
            cpu: cpu(pid)?,
            rss: smaps(pid, "Rss:")?,
            pss: smaps(pid, "Pss:")?,
        };
        Ok(children(pid)
            .into_iter()
            .filter_map(|child| Self::of(child).ok())
            .fold(own, Add::add))
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            rss: self.rss + other.rss,
            pss: self.pss + other.pss,
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            rss: self.rss.saturating_sub(earlier.rss),
            pss: self.pss.saturating_sub(earlier.pss),
        }
    }
}

/// Time on a core of all threads, ended ones too, in nanoseconds. Not the sum of `/proc/<pid>/task/*/schedstat`: a
/// thread takes what it used out of that when it ends, and a pool's threads end whenever they idle.
pub fn cpu(pid: i32) -> anyhow::Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid))
        .with_context(|| format!("process {pid} is gone"))?;
    Ok(clock.now()?.into())
}

fn smaps(pid: i32, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    Ok(kilobytes(&text, name).unwrap_or(0))
}

fn children(pid: i32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids = |list: String| {
        list.split_whitespace()
            .filter_map(|child| child.parse().ok())
            .collect::<Vec<_>>()
    };
    lists.flat_map(pids).collect()
}

/// The octets on a line like `Pss:   12 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1_024)
}

/// What the kernel holds for sockets, in octets, of both ends of every connection on this machine.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct KernelMemory {
    /// Buffers of TCP sockets (`/proc/net/sockstat`).
    pub tcp_buffers: u64,
    /// All kernel objects: sockets, their files and inodes among them.
    pub slab: u64,
}

impl KernelMemory {
    /// As it is now.
    pub fn now() -> anyhow::Result<Self> {
        let sockstat = fs::read_to_string("/proc/net/sockstat")?;
        let tcp = sockstat
            .lines()
            .find_map(|line| line.strip_prefix("TCP:"))
            .unwrap_or_default();
        let mut words = tcp.split(' ').skip_while(|word| *word != "mem");
        let pages: u64 = words
            .nth(1)
            .and_then(|pages| pages.parse().ok())
            .unwrap_or(0);
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        Ok(Self {
            tcp_buffers: pages * PAGE_OCTETS,
            slab: kilobytes(&meminfo, "Slab:").unwrap_or(0),
        })
    }
}

impl Sub for KernelMemory {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            tcp_buffers: self.tcp_buffers.saturating_sub(earlier.tcp_buffers),
            slab: self.slab.saturating_sub(earlier.slab),
        }
    }
}

/// The machine in a line, for the report.
pub fn description() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let memory = fs::read_to_string("/proc/meminfo").ok();
    let memory = memory
        .and_then(|text| kilobytes(&text, "MemTotal:"))
        .unwrap_or(0)
        >> 30;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores of {}, {memory} GiB, Linux {}",
        model.map_or("unknown make", |(_, model)| model),
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_a_core_and_memory() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let before = Usage::of(pid).unwrap();
        let mut sum = 0_u64;
        while cpu(pid).unwrap() < before.cpu + Duration::from_millis(20) {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        let used = Usage::of(pid).unwrap() - before;
        assert!(used.cpu >= Duration::from_millis(20), "{used:?}");
        assert!(before.pss > 0 && before.rss >= before.pss, "{before:?}");
    }

    #[test]
    fn what_a_thread_used_stays_counted_when_it_has_ended() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let before = cpu(pid).unwrap();
        let spin = || while cpu(pid).unwrap() < before + Duration::from_millis(20) {};
        std::thread::scope(|scope| scope.spawn(spin).join()).unwrap();
        assert!(cpu(pid).unwrap() >= before + Duration::from_millis(20));
    }

    #[test]
    fn a_pinned_thread_may_use_one_core_and_then_all_again() {
        let before = sched_getaffinity(None).unwrap().count();
        let pinned = pin(0).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        drop(pinned);
        assert_eq!(sched_getaffinity(None).unwrap().count(), before);
    }

    #[test]
    fn kernel_tables_are_read() {
        assert_eq!(
            kilobytes("Rss:  5 kB\nPss:   12 kB\n", "Pss:"),
            Some(12_288)
        );
        assert!(KernelMemory::now().unwrap().slab > 0);
    }
}
