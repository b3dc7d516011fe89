//! A session that asks for more than its share.

use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::door::{self, PATIENCE};
use super::{Attacker, Tally, once};

/// Frames of one flood. A gateway closes who goes on long before.
const FRAMES: usize = 5_000;
/// Frames in one message.
const TOGETHER: usize = 50;
/// Chats there are not.
const CHATS: usize = 1_000_000;

/// Subscribes to one chat after the other.
pub(super) async fn subscribe(attacker: Attacker, number: usize) -> Tally {
    flood(&attacker, number, |n| {
        let chat = n % CHATS + 1;
        format!("SUBSCRIBE\nid:{n}\ndestination:/countries/{chat}/events\nreceipt:{n}\n\n\0")
    })
    .await
}

/// Sends one command after the other.
pub(super) async fn send(attacker: Attacker, number: usize) -> Tally {
    let body = format!("{{\"authorId\":{},\"chatId\":2}}", attacker.user);
    flood(&attacker, number, |n| {
        format!("SEND\ndestination:/chat/events.startTyping\nreceipt:{n}\n\n{body}\0")
    })
    .await
}

/// Sends frames without waiting for their answers, and counts these.
async fn flood(attacker: &Attacker, number: usize, frame: impl Fn(usize) -> String) -> Tally {
    let stream = match attacker.session(number).await {
        Ok(stream) => stream,
        Err(status) => return once(status),
    };
    let (mut reading, mut writing) = stream.into_split();
    let writer = async {
        for first in (0..FRAMES).step_by(TOGETHER) {
            let frames: String = (first..first + TOGETHER).map(&frame).collect();
            let write =
                tokio::io::AsyncWriteExt::write_all(&mut writing, &door::text(frames.as_bytes()))
                    .await;
            if write.is_err() {
                return;
            }
        }
    };
    let reader = async {
        let mut tally = Tally::new();
        let mut octets = vec![0; 64 << 10];
        let mut rest = Vec::new();
        while let Ok(read @ 1..) = reading.read(&mut octets).await {
            rest.extend_from_slice(&octets[..read]);
            // Frames end with NUL, and no answer has one within.
            while let Some(end) = rest.iter().position(|octet| *octet == 0) {
                let answer: Vec<u8> = rest.drain(..=end).collect();
                if let Some(fate) = fate(&String::from_utf8_lossy(&answer)) {
                    *tally.entry(fate).or_default() += 1;
                }
            }
        }
        tally
    };
    let both = async { tokio::join!(writer, reader).1 };
    let tally = timeout(PATIENCE, both).await;
    let mut tally = tally.unwrap_or_else(|_| once("still open"));
    *tally.entry("sessions".to_owned()).or_default() += 1;
    tally
}

/// What an answer says, in a word.
fn fate(answer: &str) -> Option<String> {
    if let Some((_, code)) = answer.split_once("\"code\":\"") {
        return code.split('"').next().map(str::to_owned);
    }
    if let Some((_, message)) = answer.split_once("ERROR\n") {
        let message = message.split("message:").nth(1)?.lines().next()?;
        return Some(format!("ERROR {message}"));
    }
    answer.contains("RECEIPT\n").then(|| "RECEIPT".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        for (answer, expected) in [
            ("\u{81}RECEIPT\nreceipt-id:1\n\n\0", Some("RECEIPT")),
            (
                "MESSAGE\n\n{\"code\":\"RATE_LIMITED\"}\0",
                Some("RATE_LIMITED"),
            ),
            (
                "ERROR\nmessage:RATE_LIMITED\n\n\0",
                Some("ERROR RATE_LIMITED"),
            ),
            ("MESSAGE\n\n{\"id\":1}\0", None),
        ] {
            assert_eq!(fate(answer).as_deref(), expected, "{answer}");
        }
    }
}
