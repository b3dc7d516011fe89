//! Heart-beats: what is agreed on in CONNECT and CONNECTED, and when the next one is due.
//!
//! STOMP 1.2, "Heart-beating". Only arithmetic on instants that the caller brings. 1.0 has no heart-beats, so
//! there both sides can do and want nothing.

use std::time::{Duration, Instant};

/// A beat is sent when this much of the interval went by in silence, so that it arrives within the interval
/// although timers and networks are late.
const SEND_AFTER_PERCENT: u32 = 90;

/// A `heart-beat` header that is not two numbers of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadHeartBeat;

/// What one side can do and would like, in milliseconds; 0 is "not at all".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartBeat {
    /// The smallest interval in which this side can send.
    pub send_ms: u32,
    /// The interval in which this side would like to receive.
    pub receive_ms: u32,
}

impl HeartBeat {
    /// Can do nothing, wants nothing.
    pub const NONE: Self = Self {
        send_ms: 0,
        receive_ms: 0,
    };

    /// The value of the header; without one there are no heart-beats.
    pub fn parse(value: Option<&str>) -> Result<Self, BadHeartBeat> {
        let Some(value) = value else {
            return Ok(Self::NONE);
        };
        let (send, receive) = value.split_once(',').ok_or(BadHeartBeat)?;
        Ok(Self {
            send_ms: millis(send)?,
            receive_ms: millis(receive)?,
        })
    }
}

/// Blanks around a number are forgiven. A number beyond 49 days is as good as 49 days.
fn millis(text: &str) -> Result<u32, BadHeartBeat> {
    let digits = text.trim_matches(' ');
    if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(BadHeartBeat);
    }
    Ok(digits.parse().unwrap_or(u32::MAX))
}

/// The heart of a connected session: when something went out and came in, and how often it has to.
#[derive(Debug, Clone, Copy)]
pub struct Pulse {
    send_interval: Option<Duration>,
    silence_max: Option<Duration>,
    last_sent: Instant,
    last_received: Instant,
}

impl Pulse {
    /// As agreed on: in each direction the longer of both intervals, none if either side says 0.
    /// `missed_max` is how many intervals of silence end the session.
    pub fn new(client: HeartBeat, server: HeartBeat, missed_max: u32, now: Instant) -> Self {
        let agreed = |sender_ms: u32, receiver_ms: u32| {
            let both = sender_ms > 0 && receiver_ms > 0;
            both.then(|| Duration::from_millis(sender_ms.max(receiver_ms).into()))
        };
        let send = agreed(server.send_ms, client.receive_ms);
        let receive = agreed(client.send_ms, server.receive_ms);
        Self {
            send_interval: send.map(|interval| interval * SEND_AFTER_PERCENT / 100),
            silence_max: receive.map(|interval| interval.saturating_mul(missed_max)),
            last_sent: now,
            last_received: now,
        }
    }

    /// Something went out.
    pub fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Something came in, be it a single octet; or the client could not be heard until now.
    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// When a beat has to go out. A date beyond what an [`Instant`] holds never comes.
    pub fn send_deadline(&self) -> Option<Instant> {
        self.last_sent.checked_add(self.send_interval?)
    }

    /// When the client counts as dead.
    pub fn receive_deadline(&self) -> Option<Instant> {
        self.last_received.checked_add(self.silence_max?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_asked_for() {
        for (value, expected) in [
            (None, Ok((0, 0))),
            (Some("0,0"), Ok((0, 0))),
            (Some("10000,5000"), Ok((10_000, 5_000))),
            (Some("10000, 5000"), Ok((10_000, 5_000))),
            (Some("99999999999999999999,0"), Ok((u32::MAX, 0))),
            (Some(""), Err(BadHeartBeat)),
            (Some("1"), Err(BadHeartBeat)),
            (Some("1,"), Err(BadHeartBeat)),
            (Some("1,2,3"), Err(BadHeartBeat)),
            (Some("-1,0"), Err(BadHeartBeat)),
            (Some("a,b"), Err(BadHeartBeat)),
            (Some("1.5,0"), Err(BadHeartBeat)),
        ] {
            let found = HeartBeat::parse(value).map(|beat| (beat.send_ms, beat.receive_ms));
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[track_caller]
    fn check(client: (u32, u32), server: (u32, u32), expected_ms: (Option<u64>, Option<u64>)) {
        let now = Instant::now();
        let beat = |(send_ms, receive_ms)| HeartBeat {
            send_ms,
            receive_ms,
        };
        let pulse = Pulse::new(beat(client), beat(server), 3, now);
        let after = |deadline: Option<Instant>| {
            deadline.map(|deadline| u64::try_from((deadline - now).as_millis()).unwrap())
        };
        let found = (
            after(pulse.send_deadline()),
            after(pulse.receive_deadline()),
        );
        assert_eq!(found, expected_ms, "{client:?} and {server:?}");
    }

    #[test]
    fn the_longer_interval_counts_and_zero_is_never() {
        check((0, 0), (10_000, 10_000), (None, None));
        check((1_000, 1_000), (0, 0), (None, None));
        check(
            (1_000, 20_000),
            (10_000, 10_000),
            (Some(18_000), Some(30_000)),
        );
        check(
            (20_000, 1_000),
            (10_000, 10_000),
            (Some(9_000), Some(60_000)),
        );
        check((0, 1_000), (10_000, 10_000), (Some(9_000), None));
    }
}
