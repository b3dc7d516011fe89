//! What SockJS 0.3.3 adds around STOMP: frames, the `info` resource, the greeting.
//!
//! Its WebSocket transport is in [`crate::transport::websocket`]. The server id of SockJS paths means nothing
//! here, as the protocol asks.

pub mod frame;
pub mod info;
