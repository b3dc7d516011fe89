//! What one session may take up.

use std::time::Duration;

use super::rates::RateLimits;
use crate::stomp::Version;
use crate::stomp::decode::DecodeLimits;
use crate::stomp::heartbeat::HeartBeat;

/// The bounds of a session. What happens at each is written beside the code that checks it.
#[derive(Debug, Clone)]
pub struct SessionLimits {
    /// Of one frame.
    pub decode: DecodeLimits,
    /// Most subscriptions at a time; one more is refused.
    pub subscriptions_max: usize,
    /// Most open transactions; one more ends the session.
    pub transactions_max: usize,
    /// Most frames in a transaction; one more ends the session.
    pub transaction_frames_max: usize,
    /// Most octets in all open transactions together; more end the session.
    pub transaction_octets_max: usize,
    /// Most commands without outcome; then the client's octets wait.
    pub commands_in_flight_max: usize,
    /// How fast the client may send and subscribe.
    pub rates: RateLimits,
    /// Least time between two equal `START_TYPING` of a session that are carried out; zero for none.
    pub typing_interval_min: Duration,
    /// Longest time until CONNECT.
    pub connect_max: Duration,
    /// The smallest interval in which we send heart-beats, in milliseconds; 0 for never.
    pub heart_beat_send_ms: u32,
    /// The interval in which we want heart-beats, in milliseconds; 0 for never.
    pub heart_beat_receive_ms: u32,
    /// How many intervals of silence end the session. At least 3, and long enough in all for the timers of
    /// background tabs, which browsers fire once a minute.
    pub heart_beat_tolerance: u32,
}

impl SessionLimits {
    /// What CONNECTED offers. In 1.0 there are no heart-beats.
    pub const fn heart_beat(&self, version: Version) -> HeartBeat {
        match version {
            Version::V1_0 => HeartBeat::NONE,
            _ => HeartBeat {
                send_ms: self.heart_beat_send_ms,
                receive_ms: self.heart_beat_receive_ms,
            },
        }
    }
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            decode: DecodeLimits::default(),
            subscriptions_max: 100,
            transactions_max: 16,
            transaction_frames_max: 1_000,
            transaction_octets_max: 1 << 20,
            commands_in_flight_max: 64,
            rates: RateLimits::default(),
            typing_interval_min: Duration::ZERO,
            connect_max: Duration::from_secs(10),
            heart_beat_send_ms: 10_000,
            heart_beat_receive_ms: 25_000,
            heart_beat_tolerance: 3,
        }
    }
}
