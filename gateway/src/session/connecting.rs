//! The first phase: until CONNECT, or STOMP, which is the same.
//!
//! STOMP 1.2, "Connecting" and "Protocol Negotiation". `host` is not asked for, since no client in the field
//! sends it, and `login` and `passcode` are not looked at: who the client is says a token, if anything.

use std::time::Instant;

use super::authenticating::Agreed;
use super::limits::SessionLimits;
use crate::auth::Token;
use crate::stomp::error::Violation;
use crate::stomp::heartbeat::HeartBeat;
use crate::stomp::{Frame, Version};

/// Header of the token. STOMP's header names are case-sensitive, HTTP's are not, and this one is borrowed from there.
const AUTHORIZATION: [&str; 2] = ["Authorization", "authorization"];

/// Nothing is known of the client yet.
#[derive(Debug)]
pub(super) struct Connecting {
    /// When the session began.
    pub(super) since: Instant,
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

/// What a first frame asks for.
pub(super) fn connect(frame: &Frame) -> Result<Agreed, Violation> {
    if !frame.command.opens_session() {
        return Err(Violation::NotConnected);
    }
    let version =
        Version::negotiate(frame.header("accept-version")).ok_or(Violation::NoCommonVersion)?;
    if version > Version::V1_0 && !frame.body.is_empty() {
        return Err(Violation::BodyNotAllowed(frame.command));
    }
    let heart_beat = match version {
        // 1.0 knows no such header, so whatever stands there means nothing.
        Version::V1_0 => HeartBeat::NONE,
        _ => HeartBeat::parse(frame.header("heart-beat")).map_err(|_| Violation::BadHeartBeat)?,
    };
    Ok(Agreed {
        version,
        heart_beat,
    })
}

/// The token that a first frame shows, if any.
pub(super) fn token(frame: &Frame) -> Option<Token> {
    AUTHORIZATION
        .iter()
        .find_map(|name| frame.header(name))
        .and_then(Token::from_authorization)
}
