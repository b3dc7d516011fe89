//! Centrifugo's JSON protocol: numbered commands, their replies, and pushes; `{}` is a ping.

use memchr::memmem;

use super::{Step, Wish};

pub(super) const CONNECT: &str = r#"{"id":1,"connect":{}}"#;

pub(super) fn establish(message: &[u8], wish: Wish) -> Step {
    if memmem::find(message, b"\"error\"").is_some() {
        Step::Fail
    } else if message.starts_with(br#"{"id":1,"connect""#) {
        match wish.chat {
            Some(chat) => Step::Say(format!(
                r#"{{"id":2,"subscribe":{{"channel":"chat.{chat}"}}}}"#
            )),
            None => Step::Ready,
        }
    } else if message.starts_with(br#"{"id":2,"subscribe""#) {
        Step::Ready
    } else {
        keep_up(message)
    }
}

pub(super) fn keep_up(message: &[u8]) -> Step {
    match message.trim_ascii() {
        b"{}" => Step::Say("{}".to_owned()),
        _ => Step::Fail,
    }
}
