//! What a session needs of the road to its client: whole octets in, framed messages out, a close with a reason.
//!
//! The rest of the gateway does not know whether that road is a WebSocket or one of SockJS's transports.

pub mod sockjs_http;
pub mod websocket;

use std::future::Future;

use bytes::Bytes;

use crate::disconnect::Disconnect;
use crate::framing::Framing;
use crate::listener::stream::WriteEnd;
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
    /// No sign of life: the transport has something of its own to say first.
    Silence,
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

    /// Hands out the end that is written to, so that others can write whole messages to it while the client's task
    /// waits. Not while something is left to be said first, and not where messages need more than to be written.
    fn lend(&mut self) -> Option<WriteEnd> {
        None
    }

    /// Takes back what was lent, with the `rest` of a message that others could only write in part. It goes before
    /// anything else, and with the next [`Self::send`] at the latest.
    fn give_back(&mut self, _end: WriteEnd, _rest: Bytes) {}

    /// The next thing from the client. While the end that is written to is lent, nothing is written in here. Cancel-safe.
    fn receive(&mut self) -> impl Future<Output = Received> + Send;

    /// Sends all messages and flushes once. Not cancel-safe: after a time-out only [`Self::close`] makes sense.
    fn send(
        &mut self,
        outgoing: &mut Vec<Outgoing>,
    ) -> impl Future<Output = Result<(), Broken>> + Send;

    /// Closes with a reason and waits a moment for the client to have read it.
    fn close(self, reason: Disconnect) -> impl Future<Output = ()> + Send;
}
