//! SockJS 0.3.3 around STOMP: its resources, its frames, and its sessions over HTTP, which any gateway can serve
//! whichever of them holds the session.
//!
//! The WebSocket transport, which needs none of that, is in [`crate::transport::websocket`]. The server id of
//! paths means nothing here, as the protocol asks.
//!
//! Read in this order:
//!
//! - what is said: [`frame`], [`payload`], [`callback`], [`dress`];
//! - a session: [`session`] (pure), [`handle`], and the road to its client in [`crate::transport::sockjs_http`];
//! - finding it among all gateways: [`path`], [`registry`], [`sessions`], [`relay`], [`receiver`], [`keeper`];
//! - HTTP: [`routes`], [`receiving`], [`sending`], [`info`], [`iframe`], [`cors`].

pub mod callback;
pub mod cors;
pub mod dress;
pub mod frame;
pub mod handle;
pub mod iframe;
pub mod info;
pub mod keeper;
pub mod path;
pub mod payload;
pub mod receiver;
pub mod receiving;
pub mod registry;
pub mod relay;
pub mod routes;
pub mod sending;
pub mod session;
pub mod sessions;
