//! The command link of the bare limit server: fixed records, so that telling it costs it nothing.

use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::crowd::client_flush;

/// Chat and number of an event, both big-endian.
pub const RECORD_OCTETS: usize = 12;

/// What a record says: chat, number of the event.
pub fn record(octets: [u8; RECORD_OCTETS]) -> (u32, u64) {
    let (chat, sequence) = octets.split_at(4);
    let chat = chat.try_into().expect("split at 4");
    let sequence = sequence.try_into().expect("eight are left");
    (u32::from_be_bytes(chat), u64::from_be_bytes(sequence))
}

/// The link.
pub struct LimitLink {
    socket: TcpStream,
    unsent: Vec<u8>,
}

impl LimitLink {
    pub(super) fn connect(server: SocketAddr) -> anyhow::Result<Self> {
        let socket = std::net::TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: TcpStream::from_std(socket),
            unsent: Vec::new(),
        })
    }

    pub(super) fn source(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn publish(&mut self, chat: usize, sequence: u64) {
        let chat = u32::try_from(chat).expect("few chats");
        self.unsent.extend(chat.to_be_bytes());
        self.unsent.extend(sequence.to_be_bytes());
    }

    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        Ok(client_flush(&mut self.socket, &mut self.unsent)?)
    }
}
