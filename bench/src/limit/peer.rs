//! One client of the limit server: upgraded, connected, subscribed, and then only written to.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Octets of a client's frame before its payload, when that is shorter than 126 octets: two, and the mask.
const SHORT_HEADER: usize = 6;

pub(super) struct Peer {
    socket: TcpStream,
    is_upgraded: bool,
    carry: Vec<u8>,
    unsent: Vec<u8>,
}

impl Peer {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            is_upgraded: false,
            carry: Vec::new(),
            unsent: Vec::new(),
        }
    }

    /// Writes frames, or keeps what the socket does not take.
    pub(super) fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while self.unsent.is_empty() && sent < frames.len() {
            match self.socket.write(&frames[sent..]) {
                Ok(octets) => sent += octets,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend(&frames[sent..]);
        Ok(())
    }

    /// Reads and answers; returns the chat that the client subscribes to, if it just did.
    pub(super) fn attend(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let unsent = std::mem::take(&mut self.unsent);
        self.send(&unsent)?;
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.carry.extend(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let octets = std::mem::take(&mut self.carry);
        let mut rest = &octets[..];
        if !self.is_upgraded {
            let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") else {
                self.carry = octets;
                return Ok(None);
            };
            self.upgrade(&rest[..end])?;
            rest = &rest[end + 4..];
        }
        let mut subscribed = None;
        while let Some((message, after)) = message(rest)? {
            if message.starts_with(b"CONNECT\n") {
                self.answer("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0")?;
            } else if let Some(chat) = wanted_chat(message) {
                self.answer("RECEIPT\nreceipt-id:s\n\n\0")?;
                subscribed = Some(chat);
            }
            rest = after;
        }
        self.carry = rest.to_vec();
        Ok(subscribed)
    }

    fn upgrade(&mut self, request: &[u8]) -> io::Result<()> {
        let request = String::from_utf8_lossy(request);
        let key = request
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let key = derive_accept_key(key.ok_or(ErrorKind::InvalidData)?.as_bytes());
        self.is_upgraded = true;
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n"
        );
        self.send(answer.as_bytes())
    }

    fn answer(&mut self, message: &str) -> io::Result<()> {
        let mut frame = Vec::new();
        put_message(message.as_bytes(), &mut frame);
        self.send(&frame)
    }
}

/// The first message of a client, once it is complete. The generator's frames are short, and masked with zeros.
fn message(octets: &[u8]) -> io::Result<Option<(&[u8], &[u8])>> {
    let Some(&[_, length, ..]) = octets.first_chunk::<SHORT_HEADER>() else {
        return Ok(None);
    };
    let length = usize::from(length & 0x7f);
    if length >= 126 {
        return Err(ErrorKind::InvalidData.into());
    }
    let end = SHORT_HEADER + length;
    Ok(octets
        .get(SHORT_HEADER..end)
        .map(|message| (message, &octets[end..])))
}

/// The chat in `destination:/countries/4/events` of a SUBSCRIBE, counted from 0.
fn wanted_chat(message: &[u8]) -> Option<usize> {
    let message = std::str::from_utf8(message.strip_prefix(b"SUBSCRIBE\n")?).ok()?;
    let destination = message
        .lines()
        .find_map(|line| line.strip_prefix("destination:"))?;
    let id = destination
        .strip_prefix("/countries/")?
        .strip_suffix("/events")?;
    id.parse::<usize>().ok()?.checked_sub(1)
}

/// Appends a server's text frame.
pub(super) fn put_message(payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x81);
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => out.push(length),
        _ => {
            let length = u16::try_from(payload.len()).expect("messages here are short");
            out.push(126);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(payload);
}
