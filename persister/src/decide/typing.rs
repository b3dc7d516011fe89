//! START_TYPING and STOP_TYPING: by anybody, member or not, but only while they still mean something.

use shared::clock::Timestamp;
use shared::error_code::ErrorCode;

/// Age from which a typing command is not carried out any more: after an outage, nobody wants to watch old
/// typing (contract section 5, `EXPIRED`).
pub(super) const AGE_MAX_MS: u64 = 10_000;

/// Refuses what has waited too long.
pub(super) fn judge(accepted: Timestamp, now: Timestamp) -> Result<(), ErrorCode> {
    if now.millis_since(accepted) > AGE_MAX_MS {
        Err(ErrorCode::Expired)
    } else {
        Ok(())
    }
}
