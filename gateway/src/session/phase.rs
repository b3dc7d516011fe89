//! Where in its life a session is: one type per phase, so that what a phase does not have cannot be asked for.

use super::authenticating::Authenticating;
use super::connected::Connected;
use super::connecting::Connecting;
use crate::disconnect::Disconnect;

/// The phases, in the order a session passes through them; any may be followed by `Closed`.
#[derive(Debug)]
pub(super) enum Phase {
    /// Before CONNECT.
    Connecting(Connecting),
    /// After CONNECT, until it is known whose session it is. Skipped in open mode.
    Authenticating(Authenticating),
    /// Frames are carried out.
    Connected(Box<Connected>),
    /// The end is near, but something is unanswered.
    Disconnecting(Box<Disconnecting>),
    /// Nothing happens any more.
    Closed,
}

/// What the client sent is still carried out and answered, but nothing more is read.
#[derive(Debug)]
pub(super) struct Disconnecting {
    pub(super) connected: Connected,
    /// Of DISCONNECT: the last thing to be sent.
    pub(super) receipt: Option<String>,
    pub(super) reason: Disconnect,
}

impl Phase {
    /// The session's memory, from CONNECTED until the end.
    pub(super) fn connected(&self) -> Option<&Connected> {
        match self {
            Self::Connected(connected) => Some(connected),
            Self::Disconnecting(disconnecting) => Some(&disconnecting.connected),
            Self::Connecting(_) | Self::Authenticating(_) | Self::Closed => None,
        }
    }

    /// The same, to change.
    pub(super) fn connected_mut(&mut self) -> Option<&mut Connected> {
        match self {
            Self::Connected(connected) => Some(connected),
            Self::Disconnecting(disconnecting) => Some(&mut disconnecting.connected),
            Self::Connecting(_) | Self::Authenticating(_) | Self::Closed => None,
        }
    }
}
