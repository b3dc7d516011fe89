//! The form of the file: a JSON object per line, each of one kind.
//!
//! ```text
//! {"chat":{"id":4,"name":"Aruba","country":"AW"}}
//! {"chat":{"id":5,"name":"Two","country":"AW","chatType":"PRIVATE"}}
//! {"member":{"userId":1,"chatId":4}}
//! {"event":{"id":37,"authorId":1,"chatId":4,"eventType":"JOIN","eventTime":"2024-08-11T08:50:59.607196"}}
//! {"end":{"chats":2,"members":1,"events":1}}
//! ```

use std::io::{BufRead, Read};

use serde::Deserialize;
use shared::event::ChatEvent;
use shared::id::{ChatId, UserId};
use shared::policy::ChatType;

/// Longest line, in octets; the longest there can be is a chat with a long name.
pub const LINE_OCTETS_MAX: u64 = 16 * 1024;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// A chat room.
    Chat(Chat),
    /// Somebody is in it.
    Member(Member),
    /// Something happened in it: what subscribers got.
    Event(ChatEvent),
    /// The last line. Without it a file that was cut off would look like a short one.
    End(Totals),
}

/// A chat room.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chat {
    /// Its id, which it keeps.
    pub id: ChatId,
    /// Its name.
    pub name: String,
    /// Its country, by ISO 3166-1 alpha-2 code in upper case.
    pub country: String,
    /// Whom it is for; for everybody, unless it says otherwise.
    #[serde(default)]
    pub chat_type: ChatType,
}

/// A membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// Whose.
    pub user_id: UserId,
    /// In which chat.
    pub chat_id: ChatId,
}

/// How many rows of each kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Chat rooms.
    pub chats: u64,
    /// Memberships.
    pub members: u64,
    /// Events.
    pub events: u64,
}

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// What stands there cannot be.
    #[error("line {line}: {why}")]
    Line {
        /// Counted from 1; the last one when it is the end that is missing.
        line: u64,
        /// A sentence.
        why: String,
    },
    /// It cannot be read.
    #[error("it cannot be read behind line {line}: {cause}")]
    Unreadable {
        /// The last line that could.
        line: u64,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// Reads a file line by line.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    number: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// From its beginning.
    pub const fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            text: Vec::new(),
        }
    }

    /// The next row; `None` behind the last.
    pub fn read(&mut self) -> Result<Option<Row>, BadFile> {
        self.text.clear();
        // One more than fits, to tell a line that is too long from one that just fits.
        let mut bounded = self.input.by_ref().take(LINE_OCTETS_MAX + 1);
        let read = bounded.read_until(b'\n', &mut self.text);
        let octets = read.map_err(|cause| BadFile::Unreadable {
            line: self.number,
            cause,
        })?;
        if octets == 0 {
            return Ok(None);
        }
        self.number += 1;
        if octets as u64 > LINE_OCTETS_MAX {
            return Err(self.fault(format!("is longer than {LINE_OCTETS_MAX} octets")));
        }
        let row = serde_json::from_slice(&self.text);
        row.map(Some).map_err(|error| {
            // Its own line number is always 1.
            let said = error.to_string();
            let said = said.split(" at line ").next().unwrap_or_default();
            self.fault(format!("{said} (column {})", error.column()))
        })
    }

    /// Number of the row read last.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Something is wrong with the row read last.
    pub fn fault(&self, why: impl Into<String>) -> BadFile {
        BadFile::Line {
            line: self.number,
            why: why.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Row>, String> {
        let mut lines = Lines::new(text.as_bytes());
        let mut rows = Vec::new();
        while let Some(row) = lines.read().map_err(|error| error.to_string())? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn every_kind_of_row_is_read() {
        let text = concat!(
            r#"{"chat":{"id":4,"name":"Aruba","country":"AW"}}"#,
            "\n",
            r#"{"member" : {"userId" : 1, "chatId" : 4}}"#,
            "\n",
            r#"{"event":{"id":37,"authorId":1,"chatId":4,"eventType":"JOIN","eventTime":"2024-08-11T08:50:59.607196"}}"#,
            "\n",
            r#"{"end":{"chats":1,"members":1,"events":1}}"#,
        );
        let rows = read(text).unwrap();
        assert_eq!(rows.len(), 4);
        assert!(matches!(&rows[0], Row::Chat(chat) if chat.name == "Aruba"));
        let Row::Event(event) = &rows[2] else {
            panic!("{rows:?}");
        };
        let json = serde_json::to_string(event).unwrap();
        assert!(text.contains(&json), "the bytes that subscribers got");
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for (text, said) in [
            ("\n", "line 1: EOF while parsing a value"),
            (
                "{\"end\":{\"chats\":0,\"members\":0,\"events\":0}}\n{\"member\":{\"userId\":1}}\n",
                "line 2: missing field `chatId`",
            ),
            (
                "{\"member\":{\"userId\":0,\"chatId\":4}}",
                "line 1: must be a positive 64-bit integer",
            ),
            (
                "{\"member\":{\"userId\":1,\"chatId\":4,\"since\":1}}",
                "line 1: unknown field `since`, expected `userId` or `chatId`",
            ),
            (
                "{\"message\":{}}",
                "line 1: unknown variant `message`, expected one of `chat`, `member`, `event`, `end`",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(&format!("{said} (column ")), "{error}");
        }
        let long = " ".repeat(20_000);
        let said = "line 1: is longer than 16384 octets";
        assert_eq!(read(&long), Err(said.to_owned()));
    }
}
