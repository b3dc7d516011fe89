//! Frames from a client, put together to messages: incremental, bounded, and indifferent to how the octets were cut.

use bytes::{Buf, Bytes, BytesMut};

use super::{CONTROL_OCTETS_MAX, Opcode, may_be_sent};
use crate::disconnect::Disconnect;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0F;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7F;

/// What a client is told that closes with a code which nobody may send.
const PROTOCOL_ERROR: u16 = 1002;

/// Something whole from the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A text message, which is UTF-8.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// To be answered with a pong that carries the same.
    Ping(Bytes),
    /// An answer to a ping, or just a sign of life.
    Pong,
    /// The client closes, and is to be answered with this code. Nothing behind it counts.
    Close(Option<u16>),
}

/// How a client broke the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A frame that must not be, or must not be here.
    #[error("a breach of the WebSocket protocol")]
    Protocol,
    /// Text that is none.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// More octets than a message may have.
    #[error("a message is too long")]
    TooLong,
}

impl Breach {
    /// What it means for the connection.
    pub const fn disconnect(self) -> Disconnect {
        match self {
            Self::Protocol => Disconnect::WebSocketProtocol,
            Self::NotUtf8 => Disconnect::InvalidUtf8,
            Self::TooLong => Disconnect::FrameTooLarge,
        }
    }
}

/// The octets of one client that make no message yet. Empty, it holds no memory.
#[derive(Debug)]
pub struct Decoder {
    message_octets_max: usize,
    buffer: BytesMut,
    /// The message of which not every fragment is here.
    begun: Option<Begun>,
    /// After a breach nothing is understood any more.
    breach: Option<Breach>,
}

/// The first fragments of a message.
#[derive(Debug)]
struct Begun {
    is_text: bool,
    octets: BytesMut,
}

/// What a frame says before its payload.
#[derive(Debug, Clone, Copy)]
struct Head {
    is_final: bool,
    opcode: Opcode,
    mask: [u8; 4],
    /// Its own octets.
    octets: usize,
    payload_octets: usize,
}

impl Decoder {
    /// Nothing received yet.
    pub fn new(message_octets_max: usize) -> Self {
        Self {
            message_octets_max,
            buffer: BytesMut::new(),
            begun: None,
            breach: None,
        }
    }

    /// Takes the next octets of the stream.
    pub fn push(&mut self, octets: &[u8]) {
        if self.breach.is_none() {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// The next message or control frame, `None` when more octets are needed.
    ///
    /// # Errors
    /// [`Breach`], and again for ever after.
    pub fn decode(&mut self) -> Result<Option<Incoming>, Breach> {
        if let Some(breach) = self.breach {
            return Err(breach);
        }
        let step = self.step();
        if let Err(breach) = step {
            self.breach = Some(breach);
            self.buffer = BytesMut::new();
            self.begun = None;
        } else if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        step
    }

    fn step(&mut self) -> Result<Option<Incoming>, Breach> {
        while let Some(head) = Head::read(&self.buffer)? {
            self.check(head)?;
            let octets = head.octets + head.payload_octets;
            if self.buffer.len() < octets {
                // Once for all of it, whatever pieces it comes in.
                self.buffer.reserve(octets - self.buffer.len());
                return Ok(None);
            }
            self.buffer.advance(head.octets);
            let mut payload = self.buffer.split_to(head.payload_octets);
            unmask(&mut payload, head.mask);
            if let Some(incoming) = self.on_frame(head, payload)? {
                return Ok(Some(incoming));
            }
        }
        Ok(None)
    }

    /// Checks what can be checked before the payload is here: it may never come.
    fn check(&self, head: Head) -> Result<(), Breach> {
        let begun = self.begun.as_ref().map(|begun| begun.octets.len());
        match head.opcode {
            Opcode::Continuation if begun.is_none() => Err(Breach::Protocol),
            Opcode::Text | Opcode::Binary if begun.is_some() => Err(Breach::Protocol),
            opcode if opcode.is_control() => {
                if head.is_final && head.payload_octets <= CONTROL_OCTETS_MAX {
                    Ok(())
                } else {
                    Err(Breach::Protocol)
                }
            }
            _ if head.payload_octets > self.message_octets_max - begun.unwrap_or(0) => {
                Err(Breach::TooLong)
            }
            _ => Ok(()),
        }
    }

    fn on_frame(&mut self, head: Head, payload: BytesMut) -> Result<Option<Incoming>, Breach> {
        match (head.opcode, head.is_final, self.begun.take()) {
            (Opcode::Text, true, _) => text(payload).map(Some),
            (Opcode::Binary, true, _) => Ok(Some(Incoming::Binary(payload.freeze()))),
            (Opcode::Text | Opcode::Binary, false, _) => {
                self.begun = Some(Begun {
                    is_text: head.opcode == Opcode::Text,
                    octets: payload,
                });
                Ok(None)
            }
            (Opcode::Continuation, is_final, Some(mut begun)) => {
                begun.octets.extend_from_slice(&payload);
                if !is_final {
                    self.begun = Some(begun);
                    return Ok(None);
                }
                if begun.is_text {
                    return text(begun.octets).map(Some);
                }
                Ok(Some(Incoming::Binary(begun.octets.freeze())))
            }
            (Opcode::Continuation, _, None) => Err(Breach::Protocol),
            (control, _, begun) => {
                // They may come between fragments, and change nothing about them.
                self.begun = begun;
                match control {
                    Opcode::Ping => Ok(Some(Incoming::Ping(payload.freeze()))),
                    Opcode::Close => close(&payload).map(Some),
                    _ => Ok(Some(Incoming::Pong)),
                }
            }
        }
    }
}

impl Head {
    /// ```text
    /// FIN reserved×3 opcode×4 | MASK length×7 | length×16 if 126, ×64 if 127 | mask×32
    /// ```
    fn read(octets: &[u8]) -> Result<Option<Self>, Breach> {
        let Some((&[first, second], rest)) = octets.split_first_chunk() else {
            return Ok(None);
        };
        let opcode = Opcode::parse(first & OPCODE).ok_or(Breach::Protocol)?;
        if first & RESERVED != 0 || second & MASKED == 0 {
            return Err(Breach::Protocol);
        }
        let (payload_octets, rest) = match second & LENGTH {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u16::from_be_bytes(*length).into(), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            length => (length.into(), rest),
        };
        let Some((mask, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        Ok(Some(Self {
            is_final: first & FIN != 0,
            opcode,
            mask: *mask,
            octets: octets.len() - rest.len(),
            payload_octets: usize::try_from(payload_octets).map_err(|_| Breach::TooLong)?,
        }))
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for octets in payload.chunks_mut(mask.len()) {
        for (octet, key) in octets.iter_mut().zip(mask) {
            *octet ^= key;
        }
    }
}

fn text(payload: BytesMut) -> Result<Incoming, Breach> {
    std::str::from_utf8(&payload).map_err(|_| Breach::NotUtf8)?;
    Ok(Incoming::Text(payload.freeze()))
}

fn close(payload: &[u8]) -> Result<Incoming, Breach> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        // A single octet is half a code.
        return match payload {
            [] => Ok(Incoming::Close(None)),
            _ => Err(Breach::Protocol),
        };
    };
    std::str::from_utf8(reason).map_err(|_| Breach::NotUtf8)?;
    let code = Some(u16::from_be_bytes(*code)).filter(|code| may_be_sent(*code));
    Ok(Incoming::Close(code.or(Some(PROTOCOL_ERROR))))
}

#[cfg(test)]
mod tests;
