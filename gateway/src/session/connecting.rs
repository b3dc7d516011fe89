//! The first phase: until CONNECT, or STOMP, which is the same.
//!
//! STOMP 1.2, "Connecting" and "Protocol Negotiation". `host` is not asked for, since no client in the field
//! sends it, and `login` and `passcode` are not looked at.

use std::sync::Arc;
use std::time::Instant;

use super::action::Now;
use super::connected::Connected;
use super::limits::SessionLimits;
use crate::stomp::error::Violation;
use crate::stomp::heartbeat::{HeartBeat, Pulse};
use crate::stomp::{Frame, Version};

/// Nothing is known of the client yet.
#[derive(Debug)]
pub(super) struct Connecting {
    /// When the session began.
    since: Instant,
}

impl Connecting {
    pub(super) const fn new(since: Instant) -> Self {
        Self { since }
    }

    /// When CONNECT has to be there.
    pub(super) fn deadline(&self, limits: &SessionLimits) -> Option<Instant> {
        self.since.checked_add(limits.connect_max)
    }
}

/// The session that a first frame opens.
pub(super) fn connect(
    frame: &Frame,
    limits: &Arc<SessionLimits>,
    now: Now,
) -> Result<Connected, Violation> {
    if !frame.command.opens_session() {
        return Err(Violation::NotConnected);
    }
    let version =
        Version::negotiate(frame.header("accept-version")).ok_or(Violation::NoCommonVersion)?;
    if version > Version::V1_0 && !frame.body.is_empty() {
        return Err(Violation::BodyNotAllowed(frame.command));
    }
    let client = match version {
        // 1.0 knows no such header, so whatever stands there means nothing.
        Version::V1_0 => HeartBeat::NONE,
        _ => HeartBeat::parse(frame.header("heart-beat")).map_err(|_| Violation::BadHeartBeat)?,
    };
    let server = limits.heart_beat(version);
    let pulse = Pulse::new(client, server, limits.heart_beat_tolerance, now.instant);
    Ok(Connected::new(version, None, pulse, Arc::clone(limits)))
}
