//! What a session needs of the road to its client: whole octets in, framed messages out, a close with a reason.
//!
//! The rest of the gateway does not know whether that road is a WebSocket or one of SockJS's transports.

pub mod sockjs_http;
pub mod websocket;

use std::future::Future;

use bytes::Bytes;

use crate::disconnect::Disconnect;
use crate::framing::Framing;
use crate::outbound::Outgoing;

/// What came from the client.
#[derive(Debug)]
pub enum Received {
    /// A piece of the STOMP stream, cut anywhere.
    Octets(Bytes),
    /// Several pieces at once.
    Pieces(Vec<String>),
    /// A sign of life without content.
    Nothing,
    /// The client is gone, or broke the transport's rules; nothing more will come.
    End(Disconnect),
}

/// The road could not take what was sent; the client is gone.
#[derive(Debug, thiserror::Error)]
#[error("the connection is broken")]
pub struct Broken;

/// A road to one client.
pub trait Transport: Send {
    /// Label of metrics and log lines.
    fn name(&self) -> &'static str;

    /// How messages for this client are wrapped.
    fn framing(&self) -> Framing;

    /// The client's task has moved from those on their way in to those who are in: timers are to be made anew.
    fn settled(&mut self) {}

    /// The next thing from the client. Cancel-safe.
    fn receive(&mut self) -> impl Future<Output = Received> + Send;

    /// Sends all messages and flushes once. Not cancel-safe: after a time-out only [`Self::close`] makes sense.
    fn send(
        &mut self,
        outgoing: &mut Vec<Outgoing>,
    ) -> impl Future<Output = Result<(), Broken>> + Send;

    /// Closes with a reason and waits a moment for the client to have read it.
    fn close(self, reason: Disconnect) -> impl Future<Output = ()> + Send;
}
