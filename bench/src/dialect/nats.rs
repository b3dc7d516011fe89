//! NATS's client protocol, of which a subscriber needs four words.

use super::{Step, Wish};

const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";

pub(super) fn establish(message: &[u8], wish: Wish) -> Step {
    if message.starts_with(b"INFO ") {
        let subscribe = wish
            .chat
            .map_or_else(String::new, |chat| format!("SUB chat.{chat} 1\r\n"));
        Step::Say(format!("{CONNECT}{subscribe}PING\r\n"))
    } else if message.starts_with(b"PONG\r\n") {
        Step::Ready
    } else if message.starts_with(b"PING\r\n") {
        Step::Say("PONG\r\n".to_owned())
    } else {
        Step::Fail
    }
}

pub(super) fn keep_up(message: &[u8]) -> Step {
    match message {
        b"PING\r\n" => Step::Say("PONG\r\n".to_owned()),
        b"PONG\r\n" => Step::Wait,
        _ if message.starts_with(b"INFO ") => Step::Wait,
        _ => Step::Fail,
    }
}
