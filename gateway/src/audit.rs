//! Who came, who was turned away, who left and why: one log line each, for those who have to answer such questions.
//!
//! All have the target `audit`, so that `--log` and a log store can tell them from the rest, and say as fields what is
//! known: `user.id`, `client.address`, `session.id`, `transport`, `reason`. Never a token, never a body.

/// Target of these lines.
pub const TARGET: &str = "audit";
