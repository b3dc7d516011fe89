//! Frames for a client: never masked, never fragmented.

use bytes::{BufMut, Bytes, BytesMut};

use super::{CONTROL_OCTETS_MAX, Opcode};

/// Most octets of a frame before its payload, when it is not masked.
const HEAD_OCTETS_MAX: usize = 10;

/// The bit of a frame's first octet that says that the message ends with it.
const FIN: u8 = 0x80;

/// A text message.
pub fn text(payload: &str) -> Bytes {
    frame(Opcode::Text, &[payload.as_bytes()])
}

/// The answer to a ping, with what that carried.
pub fn pong(payload: &[u8]) -> Bytes {
    frame(Opcode::Pong, &[payload])
}

/// A Close frame; without a code it has no reason either. Of a reason that is too long, the beginning.
pub fn close(code: Option<u16>, reason: &str) -> Bytes {
    let Some(code) = code else {
        return frame(Opcode::Close, &[]);
    };
    let reason = &reason[..reason.floor_char_boundary(CONTROL_OCTETS_MAX - size_of_val(&code))];
    frame(Opcode::Close, &[&code.to_be_bytes(), reason.as_bytes()])
}

fn frame(opcode: Opcode, payload: &[&[u8]]) -> Bytes {
    let octets: usize = payload.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(HEAD_OCTETS_MAX + octets);
    frame.put_u8(FIN | opcode as u8);
    match (u8::try_from(octets), u16::try_from(octets)) {
        (Ok(short @ ..=125), _) => frame.put_u8(short),
        (_, Ok(medium)) => {
            frame.put_u8(126);
            frame.put_u16(medium);
        }
        _ => {
            frame.put_u8(127);
            frame.put_u64(octets as u64);
        }
    }
    for part in payload {
        frame.put_slice(part);
    }
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_few_octets_as_they_can() {
        for (octets, head) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xFF, 0xFF]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = "x".repeat(octets);
            let frame = text(&payload);
            assert_eq!(&frame[..head.len()], head);
            assert_eq!(&frame[head.len()..], payload.as_bytes());
        }
    }

    #[test]
    fn control_frames_stay_within_their_bounds() {
        assert_eq!(&pong(b"ab")[..], b"\x8a\x02ab");
        assert_eq!(&close(None, "unsaid")[..], b"\x88\x00");
        assert_eq!(&close(Some(1000), "bye")[..], b"\x88\x05\x03\xe8bye");
        let long = close(Some(1000), &"é".repeat(100));
        assert_eq!(long.len(), 2 + 2 + 122, "whole characters only");
    }
}
