//! The phase between CONNECT and CONNECTED: a token was shown, and whether it proves anything is being found out.
//!
//! Mostly this takes no time at all. Nothing is read from the client meanwhile.

use std::time::Instant;

use super::limits::SessionLimits;
use crate::stomp::Version;
use crate::stomp::heartbeat::HeartBeat;

/// What CONNECT agreed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreed {
    pub(super) version: Version,
    /// What the client said of its heart-beats.
    pub(super) heart_beat: HeartBeat,
}

/// A session that waits for its user.
#[derive(Debug)]
pub(super) struct Authenticating {
    pub(super) agreed: Agreed,
    /// When the session began.
    pub(super) since: Instant,
}

impl Authenticating {
    /// When the answer has to be there: CONNECT and it together take no longer than CONNECT may.
    pub(super) fn deadline(&self, limits: &SessionLimits) -> Option<Instant> {
        self.since.checked_add(limits.connect_max)
    }
}
