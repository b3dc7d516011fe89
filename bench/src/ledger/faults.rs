//! What must not happen, counted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What must not happen, and how often it did. Zero throughout, or the figures are worth nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Events that a subscriber never got.
    pub lost: u64,
    /// Events that a subscriber got again.
    pub doubled: u64,
    /// Events that came after a later one, and events whose id is not larger than the one before.
    pub disordered: u64,
    /// Events of a chat that the subscriber did not ask for, or that nobody published.
    pub strays: u64,
    /// Refusals, errors and closed connections.
    pub refused: u64,
}

impl Faults {
    /// Whether there are none.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("clean");
        }
        let Self {
            lost,
            doubled,
            disordered,
            strays,
            refused,
        } = self;
        write!(
            f,
            "WRONG: {lost} lost, {doubled} doubled, {disordered} disordered, {strays} strays, {refused} refused"
        )
    }
}
