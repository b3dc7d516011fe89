//! The client's side of RFC 6455, as little as a load generator needs.
//!
//! Frames from clients are masked with a key of zeros, which the specification allows and which leaves the octets
//! as they are: a generator's cost per frame decides how much of the machine is left for what is measured.

use anyhow::{Context, bail};

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A whole text or binary message.
    Data,
    /// The server ends the connection.
    Close,
    /// The server wants a pong.
    Ping,
    /// An answer nobody asked for.
    Pong,
}

/// A frame from the server, and how many octets it took.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub opcode: Opcode,
    /// Its payload.
    pub payload: &'a [u8],
    /// Header and payload together.
    pub octets: usize,
}

/// The first frame in `octets`, once it is complete.
///
/// # Errors
/// For what a server of whole, unmasked messages does not send.
pub fn frame(octets: &[u8]) -> anyhow::Result<Option<Frame<'_>>> {
    let &[first, second, ref rest @ ..] = octets else {
        return Ok(None);
    };
    let opcode = match first {
        0x81 | 0x82 => Opcode::Data,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        other => bail!("a WebSocket frame that begins with {other:#04x}"),
    };
    let (length, header) = match second {
        126 => match rest.first_chunk::<2>() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Ok(None),
        },
        length if length < 126 => (u64::from(length), 2),
        masked => bail!("a masked WebSocket frame from a server ({masked:#04x})"),
    };
    let end = usize::try_from(length)?
        .checked_add(header)
        .context("a WebSocket frame longer than memory")?;
    Ok(octets.get(header..end).map(|payload| Frame {
        opcode,
        payload,
        octets: end,
    }))
}

/// Appends a client's frame: text when `text`, else binary.
pub fn put_message(payload: &[u8], text: bool, out: &mut Vec<u8>) {
    put(if text { 0x81 } else { 0x82 }, payload, out);
}

/// Appends the pong to a ping.
pub fn put_pong(payload: &[u8], out: &mut Vec<u8>) {
    put(0x8a, payload, out);
}

fn put(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    const MASKED: u8 = 0x80;
    /// Stands for "the length is in the next two octets".
    const TWO_OCTETS: u8 = 0x7e;
    out.push(first);
    match payload.len() {
        length @ ..126 => out.push(MASKED | u8::try_from(length).expect("below 126")),
        length => {
            let length = u16::try_from(length).expect("the generator sends small messages");
            out.push(MASKED | TWO_OCTETS);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

/// The upgrade request for a path, with a sub-protocol when there is one to offer.
pub fn upgrade(host: &str, path: &str, protocol: Option<&str>) -> String {
    let protocol = protocol.map_or_else(String::new, |name| {
        format!("Sec-WebSocket-Protocol: {name}\r\n")
    });
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
    )
}

/// The length of the answer to an upgrade request, once it is complete.
///
/// # Errors
/// When the server does not upgrade.
pub fn upgraded(octets: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = memchr::memmem::find(octets, b"\r\n\r\n") else {
        return Ok(None);
    };
    if !octets.starts_with(b"HTTP/1.1 101") {
        bail!(
            "the server does not upgrade: {}",
            String::from_utf8_lossy(&octets[..end])
        );
    }
    Ok(Some(end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_one_by_one_and_only_when_whole() {
        let mut octets = vec![0x81, 2];
        octets.extend(b"hi\x8a\x00\x82\x7e\x01\x00");
        let first = frame(&octets).unwrap().unwrap();
        assert_eq!(
            (first.opcode, first.payload, first.octets),
            (Opcode::Data, &b"hi"[..], 4)
        );
        let second = frame(&octets[4..]).unwrap().unwrap();
        assert_eq!((second.opcode, second.octets), (Opcode::Pong, 2));
        assert_eq!(frame(&octets[6..]).unwrap(), None);
        octets.extend([b'x'; 256]);
        assert_eq!(frame(&octets[6..]).unwrap().unwrap().octets, 260);
        for whole in [0, 1, 5, 7, 9] {
            assert_eq!(frame(&octets[6..][..whole]).unwrap(), None, "{whole}");
        }
    }

    #[test]
    fn what_no_server_of_whole_messages_sends_is_refused() {
        assert!(frame(&[0x01, 0]).is_err(), "a fragment");
        assert!(frame(&[0x81, 0x80]).is_err(), "a mask");
        assert!(upgraded(b"HTTP/1.1 403 Forbidden\r\n\r\n").is_err());
    }

    #[test]
    fn what_the_generator_sends_is_masked() {
        let mut out = Vec::new();
        put_message(b"hi", true, &mut out);
        assert_eq!(out, b"\x81\x82\0\0\0\0hi");
        out.clear();
        put_message(&[b'x'; 300], false, &mut out);
        assert_eq!(out[..4], [0x82, 0xfe, 1, 44]);
        assert_eq!(out.len(), 8 + 300);
    }
}
