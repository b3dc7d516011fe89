//! The servers that are not ours, started, crashed and started again.

mod servers;
