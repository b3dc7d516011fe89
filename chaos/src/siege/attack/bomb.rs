//! What is thrown at a gateway and then left behind.

use tokio::time::timeout;

use super::door::{self, PATIENCE};
use super::{Attacker, Tally, once};

/// Octets of the largest bombs, where they are not endless.
const BOMB_OCTETS: usize = 4 << 20;
/// Octets written at a time.
const PIECE_OCTETS: usize = 64 << 10;
/// Headers of a request that has too many.
const HEADERS: usize = 1_000;

/// Connects and leaves.
pub(super) async fn knock(attacker: Attacker, number: usize) -> Tally {
    match attacker.knock(number).await {
        Ok(_) => once("connected"),
        Err(_) => once("not connected"),
    }
}

/// A request with too many headers, or with one that has no end.
pub(super) async fn headers(attacker: Attacker, number: usize) -> Tally {
    let Ok(mut stream) = attacker.knock(number).await else {
        return once("not connected");
    };
    let request = if number.is_multiple_of(2) {
        "GET /ws HTTP/1.1\r\nHost: gateway\r\n".to_owned()
            + &"X-Padding: a\r\n".repeat(HEADERS)
            + "\r\n"
    } else {
        "GET /ws HTTP/1.1\r\nHost: gateway\r\nX-Padding: ".to_owned() + &"a".repeat(BOMB_OCTETS)
    };
    // It may hang up before it has read all.
    let write = timeout(PATIENCE, async {
        let (mut reading, mut writing) = stream.split();
        let writing = tokio::io::AsyncWriteExt::write_all(&mut writing, request.as_bytes());
        let mut answer = [0; 16];
        let reading = tokio::io::AsyncReadExt::read(&mut reading, &mut answer);
        let (_, read) = tokio::join!(writing, reading);
        let octets = read.unwrap_or_default();
        String::from_utf8_lossy(&answer[..octets]).into_owned()
    });
    match write.await {
        Ok(answer) => once(answer.split(' ').nth(1).unwrap_or("cut off")),
        Err(_) => once("still open"),
    }
}

/// A token that nobody signed.
pub(super) async fn forged_token(mut attacker: Attacker, number: usize) -> Tally {
    // The last character but one is part of the signature.
    let last = attacker.token.len() - 2;
    let forged = if attacker.token.ends_with('A') {
        "B"
    } else {
        "A"
    };
    attacker.token.replace_range(last..=last, forged);
    let mut stream = match attacker.websocket(number).await {
        Ok(stream) => stream,
        Err(status) => return once(status),
    };
    let connect = format!(
        "CONNECT\naccept-version:1.2\nAuthorization:Bearer {}x\n\n\0",
        attacker.token
    );
    door::write(&mut stream, &door::text(connect.as_bytes())).await;
    once(door::end(&mut stream).await)
}

/// Messages and frames that are too large, have no end, or are none; each kind in turn.
pub(super) async fn frames(attacker: Attacker, number: usize) -> Tally {
    const KINDS: [&str; 7] = [
        "a body beyond the bound",
        "a header line without end",
        "headers without end",
        "a message of 2^62 octets",
        "a message of endless parts",
        "a compressed frame",
        "pings without end",
    ];
    let kind = number / attacker.hands % KINDS.len();
    let mut stream = match attacker.session(number).await {
        Ok(stream) => stream,
        Err(status) => return once(status),
    };
    let (begin, piece) = match kind {
        0 => {
            let mut frame = b"SEND\ndestination:/chat/events.joinChat\n\n".to_vec();
            frame.resize(frame.len() + PIECE_OCTETS + 1, b'x');
            (door::text(&frame), Vec::new())
        }
        1 => (
            door::head(0x81, BOMB_OCTETS as u64),
            b"a".repeat(PIECE_OCTETS),
        ),
        2 => (
            door::head(0x81, BOMB_OCTETS as u64),
            b"a:b\n".repeat(PIECE_OCTETS / 4),
        ),
        3 => (door::head(0x81, 1 << 62), b"a".repeat(PIECE_OCTETS)),
        4 => {
            let mut part = door::head(0x00, PIECE_OCTETS as u64);
            part.extend_from_slice(&b"a".repeat(PIECE_OCTETS));
            ([door::head(0x01, 1), b"a".to_vec()].concat(), part)
        }
        5 => ([door::head(0xc1, 4), b"abcd".to_vec()].concat(), Vec::new()),
        _ => (Vec::new(), door::head(0x89, 0).repeat(1_000)),
    };
    let mut sent = 0;
    let mut goes_on = door::write(&mut stream, &begin).await;
    while goes_on && !piece.is_empty() && sent < BOMB_OCTETS {
        goes_on = door::write(&mut stream, &piece).await;
        sent += piece.len();
    }
    let fate = if KINDS[kind] == "pings without end" {
        // Nothing forbids them: they only have to cost nobody else anything.
        drop(stream);
        "answered".to_owned()
    } else {
        door::end(&mut stream).await
    };
    once(format!("{}: {fate}", KINDS[kind]))
}
