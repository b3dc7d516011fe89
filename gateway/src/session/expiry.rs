//! When a session ends because its token does, and the warning before (contract section 6).
//!
//! Kept as instants, so that an hour that the clocks jump ends no session early. A token for the next thousand years
//! has no instant; its session is never warned and never ends for it.

use std::time::{Duration, Instant};

use serde::Serialize;
use shared::clock::Timestamp;

use super::action::Now;
use crate::auth::Principal;
use crate::destination;

/// How long before the end a client is warned.
const WARNING: Duration = Duration::from_mins(1);

/// The `code` of the warning.
const WARNING_CODE: &str = "TOKEN_EXPIRES_SOON";

/// The time that a session has left.
#[derive(Debug)]
pub(super) struct Expiry {
    valid_until: Timestamp,
    warn_at: Option<Instant>,
    end_at: Option<Instant>,
    warning: Warning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Warning {
    /// Its time has not come.
    Early,
    /// It has, and nobody has subscribed to it.
    Due,
    Given,
}

impl Expiry {
    pub(super) fn new(principal: Principal, now: Now) -> Self {
        let left = principal.valid_until.millis_since(now.wall);
        let end_at = now.instant.checked_add(Duration::from_millis(left));
        Self {
            valid_until: principal.valid_until,
            // At once, if less than that is left.
            warn_at: end_at.map(|end| {
                end.checked_sub(WARNING)
                    .map_or(now.instant, |at| at.max(now.instant))
            }),
            end_at,
            warning: Warning::Early,
        }
    }

    /// What comes next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.warning {
            Warning::Early => self.warn_at,
            Warning::Due | Warning::Given => self.end_at,
        }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.end_at.is_some_and(|end| end <= now)
    }

    /// The warning, when it is time for one that was not given yet. `has_listener` says whether anybody would hear
    /// it; with nobody there it waits for the first who comes.
    pub(super) fn take_warning(&mut self, now: Now, has_listener: bool) -> Option<String> {
        let is_due = self.warn_at.is_some_and(|at| at <= now.instant);
        if !is_due || self.warning == Warning::Given {
            return None;
        }
        if !has_listener {
            self.warning = Warning::Due;
            return None;
        }
        self.warning = Warning::Given;
        let expires_in_ms = self.valid_until.millis_since(now.wall);
        let body = Body {
            code: WARNING_CODE,
            message: "The token expires soon and the session with it; send a fresh one to the destination",
            destination: destination::SESSION_TOKEN,
            expires_at: self.valid_until.to_string(),
            expires_in_ms,
            timestamp: now.wall.to_string(),
        };
        let json = serde_json::to_string(&body);
        Some(json.expect("a warning is plain data and always serialises"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    destination: &'a str,
    expires_at: String,
    expires_in_ms: u64,
    timestamp: String,
}
