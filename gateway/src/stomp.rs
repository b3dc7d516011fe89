//! STOMP 1.0, 1.1 and 1.2 as octets and frames, from the server's side.
//!
//! Specifications: <https://stomp.github.io/stomp-specification-1.0.html>, `-1.1.html`, `-1.2.html`.
//! Nothing here knows of sockets, clocks or chats: [`decode`] turns octets into client frames, [`encode`] turns
//! server frames into text, and what a sequence of frames means is [`crate::session`]'s business.
//!
//! Read in this order: [`version`], [`frame`], [`escape`], [`decode`], [`encode`], [`message`], [`heartbeat`],
//! [`error`].

pub mod decode;
pub mod encode;
pub mod error;
pub mod escape;
pub mod frame;
pub mod heartbeat;
pub mod message;
pub mod version;

pub use frame::{Command, Frame, Headers};
pub use version::Version;
