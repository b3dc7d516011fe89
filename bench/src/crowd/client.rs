//! One client's socket.

use std::io::{self, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use super::{Role, begin_connecting};

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// TCP.
    Connecting,
    /// HTTP.
    Upgrading,
    /// The protocol inside the WebSocket.
    Asking,
    /// It has what it wished for.
    Ready,
    /// It left, or was left.
    Gone,
}

#[derive(Debug)]
pub(super) struct Client {
    /// `None` once it is gone.
    socket: Option<TcpStream>,
    pub(super) phase: Phase,
    pub(super) role: Role,
    /// The beginning of a frame whose end has not come.
    pub(super) carry: Vec<u8>,
    unsent: Vec<u8>,
}

impl Client {
    pub(super) fn connect(server: SocketAddr, role: Role) -> anyhow::Result<Self> {
        Ok(Self {
            socket: Some(begin_connecting(server, role.receive_octets)?),
            phase: Phase::Connecting,
            role,
            carry: Vec::new(),
            unsent: Vec::new(),
        })
    }

    /// # Panics
    /// After its end, when nothing is asked of it any more.
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        self.socket
            .as_mut()
            .expect("only clients with a socket are attended to")
    }

    /// Whether TCP's handshake is over.
    pub(super) fn is_connected(&mut self) -> io::Result<bool> {
        let socket = self.socket();
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        match socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where to put what is to be sent.
    pub(super) fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    /// Sends what the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(socket) = &mut self.socket else {
            return Ok(());
        };
        flush(socket, &mut self.unsent)
    }

    pub(super) fn end(&mut self) {
        *self = Self {
            socket: None,
            phase: Phase::Gone,
            role: self.role,
            carry: Vec::new(),
            unsent: Vec::new(),
        };
    }
}

/// Sends what the socket takes, and keeps the rest. Empties its memory when all is sent: a client that said its
/// last word must not cost the generator anything.
pub(crate) fn flush(socket: &mut TcpStream, unsent: &mut Vec<u8>) -> io::Result<()> {
    let mut sent = 0;
    while sent < unsent.len() {
        match socket.write(&unsent[sent..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(octets) => sent += octets,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    unsent.drain(..sent);
    Ok(())
}
