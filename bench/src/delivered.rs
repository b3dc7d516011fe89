//! Finds the events in what a server sends, whatever it wraps them in.
//!
//! Every server under measurement delivers the same JSON, `{"id":37,"authorId":1,"chatId":4,…}`, in frames of its
//! own kind, one or many in a message. The generator numbers the events of a chat through author and type, since
//! the id is the server's to give: four in a row, JOIN to LEAVE, are of one author, whose number is the first's.

use memchr::memmem::Finder;

/// One event as a subscriber got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The server's id for it.
    pub id: u64,
    /// The generator's number for it: 1, 2, 3, … along each chat.
    pub sequence: u64,
    /// Its chat.
    pub chat: u64,
}

/// Finds events; made once, used for every message.
#[derive(Debug)]
pub struct Scanner {
    start: Finder<'static>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            start: Finder::new(b"{\"id\":"),
        }
    }
}

impl Scanner {
    /// Calls `found` for each event in a message; returns how many there were.
    pub fn scan(&self, message: &[u8], mut found: impl FnMut(Delivered)) -> usize {
        let mut rest = message;
        let mut count = 0;
        while let Some(at) = self.start.find(rest) {
            rest = &rest[at + self.start.needle().len()..];
            if let Some((event, after)) = event(rest) {
                found(event);
                count += 1;
                rest = after;
            }
        }
        count
    }
}

/// `37,"authorId":1,"chatId":4` and what follows it.
fn event(octets: &[u8]) -> Option<(Delivered, &[u8])> {
    let (id, rest) = number(octets)?;
    let (author, rest) = number(rest.strip_prefix(b",\"authorId\":")?)?;
    let (chat, rest) = number(rest.strip_prefix(b",\"chatId\":")?)?;
    let rest = rest.strip_prefix(b",\"eventType\":\"")?;
    let place = match rest {
        [b'J', ..] => 0,
        [b'S', b'T', b'A', ..] => 1,
        [b'S', b'T', b'O', ..] => 2,
        [b'L', ..] => 3,
        _ => return None,
    };
    let event = Delivered {
        id,
        sequence: author.checked_add(place)?,
        chat,
    };
    Some((event, rest))
}

fn number(octets: &[u8]) -> Option<(u64, &[u8])> {
    let digits = octets
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let value = octets[..digits].iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    (digits > 0).then_some((value, &octets[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(message: &str) -> Vec<(u64, u64, u64)> {
        let mut events = Vec::new();
        let count = Scanner::default().scan(message.as_bytes(), |event| {
            events.push((event.id, event.sequence, event.chat));
        });
        assert_eq!(count, events.len());
        events
    }

    #[test]
    fn events_are_found_in_every_wrapping() {
        let event = r#"{"id":37,"authorId":12,"chatId":4,"eventType":"JOIN"}"#;
        let stomp = format!("MESSAGE\nsubscription:s\n\n{event}\0");
        assert_eq!(scanned(&stomp), [(37, 12, 4)]);
        let nats = format!("MSG chat.4 1 53\r\n{event}\r\nMSG chat.4 1 53\r\n{event}\r\n");
        assert_eq!(scanned(&nats), [(37, 12, 4); 2]);
        let push = format!(r#"{{"push":{{"channel":"4","pub":{{"data":{event}}}}}}}"#);
        assert_eq!(scanned(&push), [(37, 12, 4)]);
    }

    #[test]
    fn four_events_of_an_author_are_four_numbers() {
        for (place, kind) in ["JOIN", "START_TYPING", "STOP_TYPING", "LEAVE"]
            .iter()
            .enumerate()
        {
            let event = format!(r#"{{"id":9,"authorId":5,"chatId":4,"eventType":"{kind}"}}"#);
            assert_eq!(scanned(&event), [(9, 5 + place as u64, 4)]);
        }
    }

    #[test]
    fn nothing_else_is_an_event() {
        for message in [
            "\n",
            r#"{"id":2,"subscribe":{}}"#,
            r#"{"code":"NOT_JOINED","chatId":4,"authorId":1}"#,
            r#"{"id":,"authorId":1,"chatId":4}"#,
            r#"{"id":99999999999999999999,"authorId":1,"chatId":4}"#,
            r#"{"id":1,"authorId":1,"chatId":"#,
            r#"{"id":1,"authorId":1,"chatId":4,"eventType":"DANCE"}"#,
        ] {
            assert!(scanned(message).is_empty(), "{message}");
        }
    }
}
