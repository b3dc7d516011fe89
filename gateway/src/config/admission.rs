//! Settings of who is let in and how fast clients may ask.

use std::time::Duration;

use clap::Args;

use crate::admission::AdmissionLimits;
use crate::session::RateLimits;

/// Bounds of clients all together and by address. 0 is no limit, except for --connections-max.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Admission")]
pub struct AdmissionConfig {
    /// Most connections; more are answered 503. File descriptors may allow fewer, which the start says.
    #[arg(long, env = "CONNECTIONS_MAX", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_max: u32,

    /// Most new connections a second, after a burst of five times as many; more are answered 503.
    #[arg(long, env = "CONNECTIONS_PER_SECOND_MAX", default_value_t = 2_000)]
    pub connections_per_second_max: u32,

    /// Most connections and SockJS sessions of one address, or of one IPv6 /64; more are answered 429. Behind a
    /// proxy that is not among --trusted-proxies, all clients have its address.
    #[arg(long, env = "ADDRESS_CONNECTIONS_MAX", default_value_t = 2_000)]
    pub address_connections_max: u32,

    /// Most new connections of one address a second, after a burst of five times as many; more are answered 429.
    #[arg(
        long,
        env = "ADDRESS_CONNECTIONS_PER_SECOND_MAX",
        default_value_t = 200
    )]
    pub address_connections_per_second_max: u32,

    /// Most requests below /api of one address a second, after a burst of five times as many; more are answered
    /// 429.
    #[arg(long, env = "ADDRESS_QUERIES_PER_SECOND_MAX", default_value_t = 100)]
    pub address_queries_per_second_max: u32,

    /// Resident memory above which new clients are answered 503, like `512MiB`. By default four fifths of what the
    /// container or the machine has.
    #[arg(long, env = "MEMORY_MAX", value_parser = octets)]
    pub memory_max: Option<u64>,

    /// Longest wait for the head of the first request on a new connection.
    #[arg(long, env = "FIRST_HEAD_MAX", default_value = "10s", value_parser = super::positive_duration)]
    pub first_head_max: Duration,

    /// Most SENDs of a session a second, after a burst of five times as many; more are refused as RATE_LIMITED.
    #[arg(long, env = "SESSION_SENDS_PER_SECOND_MAX", default_value_t = 50)]
    pub session_sends_per_second_max: u32,

    /// Most SUBSCRIBEs of a session a second, after a burst of five times as many; more are refused as
    /// RATE_LIMITED.
    #[arg(long, env = "SESSION_SUBSCRIBES_PER_SECOND_MAX", default_value_t = 50)]
    pub session_subscribes_per_second_max: u32,

    /// Most refusals as RATE_LIMITED of a session in a minute; one more ends it.
    #[arg(long, env = "SESSION_REFUSALS_PER_MINUTE_MAX", default_value_t = 500)]
    pub session_refusals_per_minute_max: u32,

    /// Most SENDs of all sessions of one user on this gateway a second, after a burst of five times as many; more
    /// are refused as RATE_LIMITED. Without authentication there are no users.
    #[arg(long, env = "USER_SENDS_PER_SECOND_MAX", default_value_t = 100)]
    pub user_sends_per_second_max: u32,

    /// Least time between two equal START_TYPING of a session that are carried out: a repetition within it gets its
    /// RECEIPT and goes no further. Must be well below the persisters' --typing-lease. By default all are carried out.
    #[arg(long, env = "TYPING_INTERVAL_MIN", default_value = "0s", value_parser = shared::config::duration)]
    pub typing_interval_min: Duration,
}

impl AdmissionConfig {
    /// The bounds in the form the listener wants them.
    pub fn limits(&self) -> AdmissionLimits {
        AdmissionLimits {
            connections_max: self.connections_max,
            connections_per_second_max: self.connections_per_second_max,
            address_connections_max: self.address_connections_max,
            address_connections_per_second_max: self.address_connections_per_second_max,
            address_queries_per_second_max: self.address_queries_per_second_max,
        }
    }

    /// The bounds in the form the session wants them.
    pub fn rates(&self) -> RateLimits {
        RateLimits {
            sends_per_second_max: self.session_sends_per_second_max,
            subscribes_per_second_max: self.session_subscribes_per_second_max,
            refusals_per_minute_max: self.session_refusals_per_minute_max,
        }
    }
}

/// A number of octets: `1048576`, `512MiB`, `2GiB`.
fn octets(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err("expected a unit: KiB, MiB, GiB or none".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a number of octets, like 512MiB")?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "too much".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_may_have_a_unit() {
        assert_eq!(octets("1048576"), Ok(1 << 20));
        assert_eq!(octets("512MiB"), Ok(512 << 20));
        assert_eq!(octets("2GiB"), Ok(2 << 30));
        for bad in ["", "MiB", "1MB", "1.5GiB", "-1", "99999999999GiB"] {
            assert!(octets(bad).is_err(), "{bad:?}");
        }
    }
}
