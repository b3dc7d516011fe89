//! What is done by hand, as seen in a terminal.

pub mod chats;
pub mod import;
pub mod set_aside;
