//! STOMP 1.2.

use super::{Step, StompDialect, Wish};

impl StompDialect {
    pub(super) fn connect(&self) -> String {
        let Self {
            heart_beat,
            credentials,
            ..
        } = self;
        format!("CONNECT\naccept-version:1.2\nhost:/\nheart-beat:{heart_beat}\n{credentials}\n\0")
    }

    pub(super) fn establish(&self, message: &[u8], wish: Wish) -> Step {
        if message.starts_with(b"CONNECTED\n") {
            match wish.chat {
                Some(chat) if self.has_receipts => Step::Say(self.subscribe(chat, wish.after)),
                Some(chat) => Step::SayAndReady(self.subscribe(chat, wish.after)),
                None => Step::Ready,
            }
        } else if message.starts_with(b"RECEIPT\n") {
            Step::Ready
        } else if message == b"\n" {
            Step::Wait
        } else {
            Step::Fail
        }
    }

    fn subscribe(&self, chat: u64, after: Option<u64>) -> String {
        let Self { prefix, suffix, .. } = self;
        let receipt = if self.has_receipts { "receipt:s\n" } else { "" };
        let after = after.map_or_else(String::new, |id| format!("last-event-id:{id}\n"));
        format!("SUBSCRIBE\nid:sub-0\ndestination:{prefix}{chat}{suffix}\n{receipt}{after}\n\0")
    }

    /// A SEND to a destination, with a receipt when there is one to ask for.
    pub fn send(destination: &str, receipt: Option<u64>, body: &str) -> String {
        let receipt = receipt.map_or_else(String::new, |number| format!("receipt:{number}\n"));
        let length = body.len();
        format!(
            "SEND\ndestination:{destination}\ncontent-type:application/json\n{receipt}\
             content-length:{length}\n\n{body}\0"
        )
    }
}

/// The number of the receipt, when the message is one of those asked for with [`StompDialect::send`].
pub(crate) fn receipt(message: &[u8]) -> Option<u64> {
    let head = std::str::from_utf8(message.strip_prefix(b"RECEIPT\n")?).ok()?;
    let value = head
        .lines()
        .find_map(|line| line.strip_prefix("receipt-id:"))?;
    value.parse().ok()
}

pub(super) fn keep_up(message: &[u8]) -> Step {
    if message == b"\n" || message.starts_with(b"RECEIPT\n") {
        Step::Wait
    } else {
        Step::Fail
    }
}
