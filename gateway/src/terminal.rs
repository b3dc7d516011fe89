//! What is done by hand, as seen in a terminal.

pub mod sessions;
