use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

use super::*;

const MESSAGE_OCTETS_MAX: usize = 1_000;

/// Everything that comes out of a stream that arrives in pieces of this size.
fn decode(stream: &[u8], piece: usize) -> Vec<Result<Incoming, Breach>> {
    let mut decoder = Decoder::new(MESSAGE_OCTETS_MAX);
    let mut found = Vec::new();
    for octets in stream.chunks(piece) {
        decoder.push(octets);
        loop {
            match decoder.decode() {
                Ok(None) => break,
                Ok(Some(incoming)) => found.push(Ok(incoming)),
                Err(breach) => {
                    found.push(Err(breach));
                    return found;
                }
            }
        }
    }
    found
}

#[track_caller]
fn check(stream: &[u8], expected: &[Result<Incoming, Breach>]) {
    for piece in 1..=stream.len() {
        assert_eq!(decode(stream, piece), expected, "in pieces of {piece}");
    }
}

/// A frame with a mask of zeros, which changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[first, MASKED | length, 0, 0, 0, 0], payload].concat()
}

fn bytes(payload: &[u8]) -> Bytes {
    Bytes::copy_from_slice(payload)
}

#[test]
fn the_specifications_own_example_is_read() {
    // RFC 6455, section 5.7.
    let hello = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    check(&hello, &[Ok(Incoming::Text(bytes(b"Hello")))]);
}

#[test]
fn fragments_become_one_message_and_control_frames_pass_between_them() {
    let stream = [
        frame(0x01, "gr\u{fc}".as_bytes().split_last().unwrap().1),
        frame(0x89, b"alive?"),
        frame(0x00, b""),
        frame(0x8A, b""),
        frame(0x80, &["\u{fc}".as_bytes()[1], b'n']),
        frame(0x02, b"\xff"),
        frame(0x80, b"\xfe"),
        frame(0x88, b"\x03\xe8bye"),
    ];
    let expected = [
        Ok(Incoming::Ping(bytes(b"alive?"))),
        Ok(Incoming::Pong),
        Ok(Incoming::Text(bytes("gr\u{fc}n".as_bytes()))),
        Ok(Incoming::Binary(bytes(b"\xff\xfe"))),
        Ok(Incoming::Close(Some(1000))),
    ];
    check(&stream.concat(), &expected);
}

#[test]
fn breaches_are_seen_in_the_head_of_a_frame() {
    let unmasked = [0x81, 0x01];
    let reserved = [0xC1, MASKED];
    let unknown = [0x83, MASKED];
    for head in [unmasked, reserved, unknown] {
        check(&head, &[Err(Breach::Protocol)]);
    }
    let control_fragment = [0x09, MASKED, 0, 0, 0, 0];
    let nothing_to_continue = [0x80, MASKED, 0, 0, 0, 0];
    for head in [control_fragment, nothing_to_continue] {
        check(&head, &[Err(Breach::Protocol)]);
    }
    let long_control = [0x89, MASKED | 0x7E, 0, 126, 0, 0, 0, 0];
    check(&long_control, &[Err(Breach::Protocol)]);
    let new_message_too_soon = [frame(0x01, b"a"), frame(0x82, b"b")].concat();
    check(&new_message_too_soon, &[Err(Breach::Protocol)]);
    // All of these without a payload: whether it ever comes does not matter.
    let too_long = [0x81, MASKED | 0x7E, 0x03, 0xE9, 0, 0, 0, 0];
    check(&too_long, &[Err(Breach::TooLong)]);
    let endless = [&[0x81, MASKED | 0x7F][..], &[0xFF; 8], &[0; 4]].concat();
    check(&endless, &[Err(Breach::TooLong)]);
}

#[test]
fn messages_are_bounded_however_they_are_cut() {
    let part = [b'x'; 100];
    let ten = [vec![frame(0x02, &part)], vec![frame(0x00, &part); 9]].concat();
    let last = frame(0x80, b"");
    let good = [ten.concat(), last].concat();
    assert_eq!(
        decode(&good, good.len()),
        [Ok(Incoming::Binary(bytes(&[b'x'; 1_000])))]
    );
    let bad = [ten.concat(), frame(0x80, b"x")].concat();
    assert_eq!(decode(&bad, bad.len()), [Err(Breach::TooLong)]);
}

#[test]
fn text_is_utf_8() {
    for stream in [
        frame(0x81, b"\xff"),
        frame(0x81, b"\xed\xa0\x80"),
        [frame(0x01, b"a\xce"), frame(0x80, b"a")].concat(),
        frame(0x88, b"\x03\xe8\xff"),
    ] {
        check(&stream, &[Err(Breach::NotUtf8)]);
    }
}

#[test]
fn a_close_is_answered_with_its_code_if_that_may_be_sent() {
    check(&frame(0x88, b""), &[Ok(Incoming::Close(None))]);
    check(&frame(0x88, b"\x03"), &[Err(Breach::Protocol)]);
    for (code, answer) in [
        (1000, 1000),
        (1014, 1014),
        (3000, 3000),
        (4999, 4999),
        (0, 1002),
        (1005, 1002),
        (1015, 1002),
        (2999, 1002),
        (5000, 1002),
    ] {
        let close = frame(0x88, &u16::to_be_bytes(code));
        check(&close, &[Ok(Incoming::Close(Some(answer)))]);
    }
}

#[test]
fn after_a_breach_nothing_is_understood() {
    let mut decoder = Decoder::new(MESSAGE_OCTETS_MAX);
    decoder.push(&frame(0xFF, b""));
    assert_eq!(decoder.decode(), Err(Breach::Protocol));
    decoder.push(&frame(0x81, b"good"));
    assert_eq!(decoder.decode(), Err(Breach::Protocol));
    assert_eq!(decoder.buffer.capacity(), 0);
}

#[test]
fn an_idle_decoder_gives_its_memory_back() {
    let mut decoder = Decoder::new(MESSAGE_OCTETS_MAX);
    decoder.push(&[frame(0x81, &[b'x'; 100]), frame(0x81, b"y")].concat());
    for _ in 0..2 {
        assert!(matches!(decoder.decode(), Ok(Some(Incoming::Text(_)))));
    }
    assert_eq!(decoder.buffer.capacity(), 0);
}

/// A message as tungstenite's client sends it, in fragments that end where `cuts` say.
fn sent(is_text: bool, payload: &[u8], mask: [u8; 4], cuts: &[usize]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (payload.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(payload.len());
    let mut begin = 0;
    for (number, end) in cuts.iter().enumerate() {
        let data = match (number, is_text) {
            (0, true) => Data::Text,
            (0, false) => Data::Binary,
            _ => Data::Continue,
        };
        let fragment = payload[begin..*end].to_vec();
        let is_final = number + 1 == cuts.len();
        put(
            Frame::message(fragment, OpCode::Data(data), is_final),
            mask,
            &mut stream,
        );
        put(Frame::ping(vec![1]), mask, &mut stream);
        begin = *end;
    }
    stream
}

fn put(mut frame: Frame, mask: [u8; 4], stream: &mut Vec<u8>) {
    frame.header_mut().mask = Some(mask);
    frame.format(stream).unwrap();
}

/// Octets that are more often nearly a frame than chance would have it.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let opcode = proptest::sample::select(vec![
        OpCode::Data(Data::Text),
        OpCode::Data(Data::Binary),
        OpCode::Data(Data::Continue),
        OpCode::Control(Control::Ping),
        OpCode::Control(Control::Pong),
        OpCode::Control(Control::Close),
    ]);
    let payload = proptest::collection::vec(any::<u8>(), 0..12);
    let good = (opcode, payload, any::<bool>(), any::<[u8; 4]>()).prop_map(
        |(opcode, payload, is_final, mask)| {
            let mut stream = Vec::new();
            let header = FrameHeader {
                is_final,
                opcode,
                ..FrameHeader::default()
            };
            let frame = Frame::from_payload(header, payload.into());
            put(frame, mask, &mut stream);
            stream
        },
    );
    let piece = prop_oneof![4 => good, 1 => proptest::collection::vec(any::<u8>(), 0..6)];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn splits_make_no_difference(stream in nearly_frames(), piece in 1..9_usize) {
        prop_assert_eq!(decode(&stream, piece), decode(&stream, stream.len().max(1)));
    }

    #[test]
    fn what_another_implementation_sends_reads_back(
        text in "\\PC{0,80}",
        binary in proptest::collection::vec(any::<u8>(), 0..300),
        mask: [u8; 4],
        cuts in proptest::collection::vec(any::<usize>(), 0..4),
        piece in 1..400_usize,
    ) {
        let stream = [sent(true, text.as_bytes(), mask, &cuts), sent(false, &binary, mask, &cuts)].concat();
        let mut found = decode(&stream, piece);
        found.retain(|one| *one != Ok(Incoming::Ping(bytes(&[1]))));
        prop_assert_eq!(found, [
            Ok(Incoming::Text(text.into_bytes().into())),
            Ok(Incoming::Binary(binary.into())),
        ]);
    }
}
