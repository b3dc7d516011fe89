//! WebSocket frames: fragmentation, control frames, the closing handshake, breaches (RFC 6455, sections 5 to 7).

use crate::support::gateway;
use crate::support::script::{Client, frame};
use crate::support::socket::{
    BINARY, CLOSE, CONTINUATION, PING, PONG, Socket, TEXT, WsFrame, ws_frame, ws_piece,
};

/// A frame that shows by its answer that the session is alive.
const BEGIN: &str = "BEGIN|transaction:t|receipt:alive";
const ALIVE: &str = "RECEIPT|receipt-id:alive";

async fn connected() -> Client {
    Client::connected(gateway().await, "1.2").await
}

/// Sends frames and checks how the connection ends: with this Close frame, as the first and last thing.
async fn check_ends(frames: &[WsFrame], code: u16, reason: &str) {
    for connect_first in [true, false] {
        let mut client = if connect_first {
            connected().await
        } else {
            Client::new(gateway().await).await
        };
        for frame in frames {
            client.socket.send(frame).await;
        }
        // Nothing behind a breach is looked at.
        let _ = client
            .socket
            .try_write(&ws_frame(TEXT, self::frame(BEGIN)).encode())
            .await;
        assert_eq!(
            client.rest().await,
            [format!("close {code} {reason}")],
            "{frames:?}"
        );
    }
}

async fn check_breach(frames: &[WsFrame]) {
    check_ends(frames, 1002, "WebSocket protocol error").await;
}

#[tokio::test]
async fn control_frames_may_come_between_fragments() {
    let mut client = connected().await;
    let text = frame(BEGIN);
    let (start, end) = text.split_at(9);
    client.socket.send(&ws_piece(TEXT, start)).await;
    client.socket.send(&ws_frame(PING, "one")).await;
    client.socket.send(&ws_frame(PONG, "nobody asked")).await;
    client.socket.send(&ws_piece(CONTINUATION, "")).await;
    client.socket.send(&ws_frame(PING, "two")).await;
    client.socket.send(&ws_frame(CONTINUATION, end)).await;
    client.check("", &["pong one", "pong two", ALIVE]).await;
}

#[tokio::test]
async fn pings_are_answered_with_what_they_carry() {
    let mut client = connected().await;
    for payload in [Vec::new(), b"x".to_vec(), vec![0xFF; 125]] {
        client.socket.send(&ws_frame(PING, &payload)).await;
        let pong = client.socket.receive().await.unwrap();
        assert_eq!((pong.opcode, pong.payload), (PONG, payload));
    }
    // Before CONNECT too.
    let mut client = Client::new(gateway().await).await;
    client.socket.send(&ws_frame(PING, "early")).await;
    client.check("", &["pong early"]).await;
}

#[tokio::test]
async fn empty_messages_mean_nothing() {
    let mut client = connected().await;
    for opcode in [TEXT, BINARY] {
        client.socket.send(&ws_frame(opcode, "")).await;
        client.socket.send(&ws_piece(opcode, "")).await;
        client.socket.send(&ws_frame(CONTINUATION, "")).await;
    }
    client.socket.send(&ws_frame(PONG, "")).await;
    client.check(BEGIN, &[ALIVE]).await;
}

#[tokio::test]
async fn payload_lengths_of_every_form_are_read() {
    // 7 bits, 16 bits, 64 bits.
    for padding in [0, 100, 125, 126, 1_000, 40_000] {
        let mut client = connected().await;
        client.text(&("\n".repeat(padding) + &frame(BEGIN))).await;
        client.check("", &[ALIVE]).await;
    }
    let mut client = connected().await;
    client.text(&("\n".repeat(100_000) + &frame(BEGIN))).await;
    client.check("", &[ALIVE]).await;
}

#[tokio::test]
async fn unmasked_frames_are_a_breach() {
    for opcode in [TEXT, BINARY, PING, CLOSE] {
        let payload = if opcode == CLOSE {
            vec![3, 0xE8]
        } else {
            b"\n".to_vec()
        };
        check_breach(&[WsFrame {
            masked: false,
            ..ws_frame(opcode, payload)
        }])
        .await;
    }
}

#[tokio::test]
async fn reserved_bits_and_opcodes_are_a_breach() {
    for reserved in [0x40, 0x20, 0x10, 0x70] {
        for opcode in [TEXT, BINARY, PING] {
            check_breach(&[WsFrame {
                reserved,
                ..ws_frame(opcode, "x")
            }])
            .await;
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        check_breach(&[ws_frame(opcode, "")]).await;
    }
}

#[tokio::test]
async fn malformed_control_frames_are_a_breach() {
    for opcode in [PING, PONG, CLOSE] {
        check_breach(&[ws_piece(opcode, "")]).await;
        check_breach(&[ws_frame(opcode, [b'1'; 126])]).await;
    }
    check_breach(&[ws_frame(CLOSE, "x")]).await;
}

#[tokio::test]
async fn fragments_out_of_place_are_a_breach() {
    check_breach(&[ws_frame(CONTINUATION, "x")]).await;
    check_breach(&[ws_piece(CONTINUATION, "x")]).await;
    for second in [TEXT, BINARY] {
        check_breach(&[ws_piece(TEXT, "x"), ws_frame(second, "y")]).await;
        check_breach(&[ws_piece(BINARY, "x"), ws_piece(second, "y")]).await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_ends_the_connection() {
    for octets in [
        &b"\xff"[..],
        b"ok \xc3",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
    ] {
        check_ends(&[ws_frame(TEXT, octets)], 1007, "text is not UTF-8").await;
    }
    let fragments = [ws_piece(TEXT, b"a\xce"), ws_frame(CONTINUATION, b"a")];
    check_ends(&fragments, 1007, "text is not UTF-8").await;
    let unfinished = [ws_piece(TEXT, b"a\xce"), ws_frame(CONTINUATION, b"")];
    check_ends(&unfinished, 1007, "text is not UTF-8").await;
    // The reason of a Close frame is text too.
    check_ends(
        &[ws_frame(CLOSE, b"\x03\xe8\xff")],
        1007,
        "text is not UTF-8",
    )
    .await;
}

#[tokio::test]
async fn a_close_frame_is_answered_with_its_own_code_and_the_end() {
    for (sent, code) in [
        (&[][..], 1005),
        (&[0x03, 0xE8], 1000),
        (&[0x03, 0xE9, b'b', b'y', b'e'], 1001),
        (&[0x03, 0xF0], 1008),
        (&[0x0B, 0xB8], 3000),
        (&[0x0F, 0xA0], 4000),
    ] {
        for connect_first in [true, false] {
            let mut socket = if connect_first {
                connected().await.socket
            } else {
                Socket::open(gateway().await).await
            };
            socket.send(&ws_frame(CLOSE, sent)).await;
            let answer = socket.receive().await.expect("a Close frame is answered");
            assert_eq!(answer.close_reason().0, code, "{sent:?}");
            assert_eq!(
                socket.receive().await,
                None,
                "the server ends the connection"
            );
        }
    }
}

#[tokio::test]
async fn close_codes_that_nobody_may_send_are_answered_as_a_breach() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999] {
        let mut client = connected().await;
        client
            .socket
            .send(&ws_frame(CLOSE, code.to_be_bytes()))
            .await;
        let answer = client
            .socket
            .receive()
            .await
            .expect("a Close frame is answered");
        assert_eq!(answer.close_reason().0, 1002, "{code}");
        assert_eq!(client.socket.receive().await, None);
    }
}

#[tokio::test]
async fn nothing_after_a_close_frame_is_looked_at() {
    let mut client = connected().await;
    let close = ws_frame(CLOSE, [0x03, 0xE8]).encode();
    let begin = ws_frame(TEXT, frame(BEGIN)).encode();
    client.socket.write(&[close, begin].concat()).await;
    let answer = client.socket.receive().await.unwrap();
    assert_eq!(answer.close_reason().0, 1000);
}

#[tokio::test]
async fn every_answer_is_one_unfragmented_text_message() {
    let mut client = connected().await;
    client.send(BEGIN).await;
    let answer = client.socket.receive().await.unwrap();
    assert!(answer.fin && answer.opcode == TEXT, "{answer:?}");
}
