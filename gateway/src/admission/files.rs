//! File descriptors: every connection needs one.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors kept for what is no client: NATS, the admin port, logs, and those who are being turned away.
const RESERVED: u64 = 256;

/// Allows the process as many descriptors as it may have, and says how many connections that is enough for.
///
/// # Errors
/// The kernel would not.
pub fn raise_limit() -> io::Result<u32> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(connections(limit.current))
}

/// What so many descriptors are enough for; `None` is without limit.
fn connections(descriptors: Option<u64>) -> u32 {
    let left = |all: u64| all.saturating_sub(RESERVED.min(all / 2));
    let left = descriptors.map_or(u64::MAX, left);
    u32::try_from(left).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_back() {
        assert_eq!(connections(Some(20_000)), 20_000 - 256);
        assert_eq!(connections(Some(512)), 256);
        assert_eq!(connections(Some(100)), 50);
        assert_eq!(connections(None), u32::MAX);
    }
}
