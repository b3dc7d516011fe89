//! Who came, who was turned away, who left and why: one log line each, for those who have to answer such questions.
//!
//! All have the target `audit`, so that `--log` and a log store can tell them from the rest, and say as fields what is
//! known: `user.id`, `client.address`, `session.id`, `transport`, `reason`. Never a token, never a body.

use shared::error_code::ErrorCode;

/// Target of these lines.
pub const TARGET: &str = "audit";

/// Tells that the session of the current span asked for what is not for its user, `count` times.
pub fn refused(code: ErrorCode, count: u64) {
    if matches!(
        code,
        ErrorCode::Unauthorized | ErrorCode::AuthorMismatch | ErrorCode::Forbidden
    ) {
        tracing::info!(target: TARGET, reason = code.name(), count, "a request was refused");
    }
}
