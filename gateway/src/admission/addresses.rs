//! What each address holds and asks for.
//!
//! An IPv6 address counts as its /64: that is what one customer gets, who can use any address in it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::RateLimiter;
use governor::clock::{Clock, MonotonicClock};
use governor::state::keyed::HashMapStateStore;

use super::{AdmissionLimits, TurnedAway, quota};

type KeyedLimiter = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, MonotonicClock>;

/// All addresses that hold something, or asked for something of late. There are at most as many as connections,
/// and as came within the seconds between two calls of `Self::tidy`, which the node's rate bounds.
#[derive(Debug)]
pub struct Addresses {
    held: Arc<Mutex<HashMap<IpAddr, u32>>>,
    held_max: Option<u32>,
    newcomers: Option<KeyedLimiter>,
    queries: Option<KeyedLimiter>,
}

/// Something held by an address; given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    all: Arc<Mutex<HashMap<IpAddr, u32>>>,
    address: IpAddr,
}

impl Addresses {
    pub(super) fn new(limits: &AdmissionLimits) -> Self {
        let limiter = |per_second| {
            quota(per_second).map(|quota| RateLimiter::hashmap_with_clock(quota, MonotonicClock))
        };
        Self {
            held: Arc::default(),
            held_max: Some(limits.address_connections_max).filter(|max| *max > 0),
            newcomers: limiter(limits.address_connections_per_second_max),
            queries: limiter(limits.address_queries_per_second_max),
        }
    }

    pub(super) fn hold(&self, address: IpAddr) -> Result<Held, TurnedAway> {
        let address = network(address);
        let mut all = lock(&self.held);
        let count = all.entry(address).or_default();
        if self.held_max.is_some_and(|max| *count >= max) {
            return Err(TurnedAway::Address);
        }
        *count += 1;
        drop(all);
        Ok(Held {
            all: Arc::clone(&self.held),
            address,
        })
    }

    pub(super) fn check_newcomer(&self, address: IpAddr) -> Result<(), TurnedAway> {
        check(self.newcomers.as_ref(), address)
    }

    pub(super) fn check_query(&self, address: IpAddr) -> Result<(), TurnedAway> {
        check(self.queries.as_ref(), address)
    }

    pub(super) fn tidy(&self) {
        for limiter in [&self.newcomers, &self.queries].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut all = lock(&self.all);
        if let Entry::Occupied(mut count) = all.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

fn check(limiter: Option<&KeyedLimiter>, address: IpAddr) -> Result<(), TurnedAway> {
    let Some(limiter) = limiter else {
        return Ok(());
    };
    let refused = limiter.check_key(&network(address)).err();
    refused.map_or(Ok(()), |until| {
        let retry_after = until.wait_time_from(limiter.clock().now());
        Err(TurnedAway::AddressRate { retry_after })
    })
}

fn lock(held: &Mutex<HashMap<IpAddr, u32>>) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
    // A count is changed in one step: a panic elsewhere leaves nothing half done.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(held_max: u32, per_second: u32) -> Addresses {
        Addresses::new(&AdmissionLimits {
            connections_max: 0,
            connections_per_second_max: 0,
            address_connections_max: held_max,
            address_connections_per_second_max: per_second,
            address_queries_per_second_max: per_second,
        })
    }

    #[test]
    fn all_of_a_network_that_one_customer_has_is_one_address() {
        let addresses = addresses(1, 0);
        let _held = addresses.hold("2001:db8:1:2::1".parse().unwrap()).unwrap();
        for (other, free) in [
            ("2001:db8:1:2:ffff::9", false),
            ("2001:db8:1:3::1", true),
            ("192.0.2.1", true),
        ] {
            assert_eq!(
                addresses.hold(other.parse().unwrap()).is_ok(),
                free,
                "{other}"
            );
        }
    }

    #[test]
    fn nothing_is_remembered_of_who_holds_nothing() {
        let addresses = addresses(5, 0);
        let held: Vec<_> = (0..5u8)
            .map(|last| addresses.hold([192, 0, 2, last].into()).unwrap())
            .collect();
        assert_eq!(lock(&addresses.held).len(), 5);
        drop(held);
        assert!(lock(&addresses.held).is_empty());
    }

    #[test]
    fn who_is_refused_holds_nothing_either() {
        let addresses = addresses(1, 0);
        let address = IpAddr::from([192, 0, 2, 1]);
        let held = addresses.hold(address).unwrap();
        assert!(addresses.hold(address).is_err());
        drop(held);
        assert!(addresses.hold(address).is_ok());
    }
}
