//! The only place that asks for the wall-clock time.
//!
//! Pure code takes a [`Timestamp`] as an argument instead, which is what makes it testable at any hour.

use std::fmt;

use chrono::{DateTime, Utc};

/// Microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Microseconds since the epoch, as given.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Nanoseconds since the epoch, cut (not rounded) to microseconds.
    pub const fn from_nanos(nanos: i128) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "microseconds fit 64 bits for 292,000 years"
        )]
        Self(nanos.div_euclid(1_000) as i64)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds from `earlier` to `self`; 0 when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        let micros = self.0.saturating_sub(earlier.0);
        if micros < 0 {
            0
        } else {
            (micros / 1_000).unsigned_abs()
        }
    }

    /// As chrono's type.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}

/// `2024-08-16T17:26:57.660207Z`: UTC with zone and always six digits, as in error bodies.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_utc().format("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    Timestamp(Utc::now().timestamp_micros())
}
