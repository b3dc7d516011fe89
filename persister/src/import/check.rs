//! What can be said of the rows before any of them is written. Pure.
//!
//! Everything stands in ascending order: that is how duplicates and cut-off files are found without remembering what
//! went by, and how each event's predecessor is known.

use std::collections::{BTreeMap, BTreeSet};

use shared::id::{ChatId, EventId, UserId};
use shared::policy::{ChatType, SEATS_MAX};

use super::rows::{Chat, Row, Totals};
use crate::provision::NAME_CHARS_MAX;

/// Most chats, which are remembered whole.
pub const CHATS_MAX: usize = 100_000;

/// Largest id of an event. Leaves as many to come, and all of them are numbers that JavaScript can count
/// (2^53 - 1).
pub const EVENT_ID_MAX: i64 = 1 << 52;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// How much.
    pub totals: Totals,
    /// All chats, by id.
    pub chats: BTreeMap<ChatId, Chat>,
    /// Id of the newest event; 0 when there is none.
    pub last_event: i64,
}

/// Looks at one row after the other.
#[derive(Debug)]
pub struct Checker<'a> {
    countries: &'a BTreeSet<String>,
    contents: Contents,
    last_member: Option<(ChatId, UserId)>,
    /// Members so far of the chat of the last one.
    members: usize,
    last_event: Option<EventId>,
    end: Option<Totals>,
}

impl<'a> Checker<'a> {
    /// Knows these countries by code.
    pub fn new(countries: &'a BTreeSet<String>) -> Self {
        Self {
            countries,
            contents: Contents::default(),
            last_member: None,
            members: 0,
            last_event: None,
            end: None,
        }
    }

    /// The next row.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn look(&mut self, row: &Row) -> Result<(), String> {
        if self.end.is_some() {
            return Err("stands behind the end".to_owned());
        }
        let totals = &mut self.contents.totals;
        match row {
            Row::Chat(chat) => {
                totals.chats += 1;
                self.chat(chat)
            }
            Row::Member(member) => {
                totals.members += 1;
                if self.last_event.is_some() {
                    return Err("a member stands behind an event".to_owned());
                }
                let key = (member.chat_id, member.user_id);
                let last = self.last_member.replace(key);
                let same_chat = last.is_some_and(|(chat, _)| chat == member.chat_id);
                self.members = if same_chat { self.members + 1 } else { 1 };
                if last.is_some_and(|last| last >= key) {
                    return Err(
                        "members must be in ascending order of chat and user, each once".to_owned(),
                    );
                }
                self.known(member.chat_id)?;
                self.has_place(member.chat_id)
            }
            Row::Event(event) => {
                totals.events += 1;
                if event.id.get() > EVENT_ID_MAX {
                    return Err(format!("event {} is above {EVENT_ID_MAX}", event.id));
                }
                let last = self.last_event.replace(event.id);
                if last.is_some_and(|last| last >= event.id) {
                    return Err("events must be in ascending order of id, each once".to_owned());
                }
                self.contents.last_event = event.id.get();
                self.known(event.chat_id)
            }
            Row::End(end) => {
                self.end = Some(*end);
                Ok(())
            }
        }
    }

    /// After the last row.
    ///
    /// # Errors
    /// A sentence about what is missing.
    pub fn finish(self) -> Result<Contents, String> {
        let Some(end) = self.end else {
            return Err("the file is not whole: its last line must be the end".to_owned());
        };
        let found = self.contents.totals;
        if end == found {
            Ok(self.contents)
        } else {
            Err(format!(
                "the file is not whole: it should have {end}, and has {found}"
            ))
        }
    }

    fn chat(&mut self, chat: &Chat) -> Result<(), String> {
        if self.last_member.is_some() || self.last_event.is_some() {
            return Err("a chat stands behind a member or an event".to_owned());
        }
        let chats = &mut self.contents.chats;
        if chats
            .last_key_value()
            .is_some_and(|(last, _)| *last >= chat.id)
        {
            return Err("chats must be in ascending order of id, each once".to_owned());
        }
        if chats.len() == CHATS_MAX {
            return Err(format!("there are more than {CHATS_MAX} chats"));
        }
        if !(1..=NAME_CHARS_MAX).contains(&chat.name.trim().chars().count()) {
            return Err(format!(
                "the name of chat {} has not 1 to {NAME_CHARS_MAX} characters",
                chat.id
            ));
        }
        if !self.countries.contains(&chat.country) {
            return Err(format!("there is no country {:?}", chat.country));
        }
        chats.insert(chat.id, chat.clone());
        Ok(())
    }

    /// Whether the members so far may be in the chat.
    fn has_place(&self, chat: ChatId) -> Result<(), String> {
        let private = self.contents.chats[&chat].chat_type == ChatType::Private;
        if private && self.members > SEATS_MAX {
            Err(format!(
                "chat {chat} is PRIVATE and has more than {SEATS_MAX} members"
            ))
        } else {
            Ok(())
        }
    }

    fn known(&self, chat: ChatId) -> Result<(), String> {
        if self.contents.chats.contains_key(&chat) {
            Ok(())
        } else {
            Err(format!("the file has no chat {chat}"))
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            chats,
            members,
            events,
        } = self;
        write!(f, "{chats} chats, {members} members and {events} events")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at rows given as JSON, and says what is wrong at which of them; 0 for the end.
    #[track_caller]
    fn check(rows: &[&str], expected: Result<i64, (usize, &str)>) {
        let countries = ["AW", "UA"].map(str::to_owned).into();
        let mut checker = Checker::new(&countries);
        for (number, row) in (1..).zip(rows) {
            let row = serde_json::from_str(row).unwrap();
            if let Err(why) = checker.look(&row) {
                return assert_eq!(Err((number, why.as_str())), expected);
            }
        }
        let found = checker.finish().map(|contents| contents.last_event);
        let found = found
            .as_ref()
            .map(|last| *last)
            .map_err(|why| (0, why.as_str()));
        assert_eq!(found, expected);
    }

    const CHAT: &str = r#"{"chat":{"id":4,"name":"Aruba","country":"AW"}}"#;
    const LATER: &str = r#"{"chat":{"id":5,"name":"Kyiv","country":"UA"}}"#;
    const MEMBER: &str = r#"{"member":{"userId":1,"chatId":4}}"#;
    const EVENT: &str = r#"{"event":{"id":37,"authorId":1,"chatId":4,"eventType":"JOIN","eventTime":"2024-08-11T08:50:59"}}"#;
    const END: &str = r#"{"end":{"chats":1,"members":1,"events":1}}"#;

    #[test]
    fn a_whole_file_is_fine() {
        check(&[CHAT, MEMBER, EVENT, END], Ok(37));
        check(&[r#"{"end":{"chats":0,"members":0,"events":0}}"#], Ok(0));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let no_end = "the file is not whole: its last line must be the end";
        check(&[], Err((0, no_end)));
        check(&[CHAT, MEMBER, EVENT], Err((0, no_end)));
        let short = "the file is not whole: it should have 1 chats, 1 members and 1 events, and has 1 chats, 0 members and 1 events";
        check(&[CHAT, EVENT, END], Err((0, short)));
        check(
            &[CHAT, MEMBER, EVENT, END, END],
            Err((5, "stands behind the end")),
        );
    }

    #[test]
    fn rows_out_of_order_are_refused() {
        let chats = "chats must be in ascending order of id, each once";
        check(&[LATER, CHAT], Err((2, chats)));
        check(&[CHAT, CHAT], Err((2, chats)));
        let members = "members must be in ascending order of chat and user, each once";
        check(&[CHAT, MEMBER, MEMBER], Err((3, members)));
        let events = "events must be in ascending order of id, each once";
        check(&[CHAT, EVENT, EVENT], Err((3, events)));
        check(
            &[CHAT, EVENT, MEMBER],
            Err((3, "a member stands behind an event")),
        );
        let chat = "a chat stands behind a member or an event";
        check(&[CHAT, MEMBER, LATER], Err((3, chat)));
    }

    #[test]
    fn a_private_chat_has_two_members_at_most() {
        let private = r#"{"chat":{"id":4,"name":"Two","country":"AW","chatType":"PRIVATE"}}"#;
        let [two, three] = [2, 3].map(|user| MEMBER.replace(":1,", &format!(":{user},")));
        let other = MEMBER.replace("\"chatId\":4", "\"chatId\":5");
        let end = r#"{"end":{"chats":2,"members":3,"events":0}}"#;
        check(&[private, LATER, MEMBER, &two, &other, end], Ok(0));
        let why = "chat 4 is PRIVATE and has more than 2 members";
        check(&[private, MEMBER, &two, &three], Err((4, why)));
        check(
            &[
                CHAT,
                MEMBER,
                &two,
                &three,
                "{\"end\":{\"chats\":1,\"members\":3,\"events\":0}}",
            ],
            Ok(0),
        );
    }

    #[test]
    fn rows_that_cannot_be_are_refused() {
        check(&[MEMBER], Err((1, "the file has no chat 4")));
        check(&[LATER, EVENT], Err((2, "the file has no chat 4")));
        let nowhere = r#"{"chat":{"id":4,"name":"Aruba","country":"aw"}}"#;
        check(&[nowhere], Err((1, "there is no country \"aw\"")));
        let nameless = r#"{"chat":{"id":4,"name":" ","country":"AW"}}"#;
        check(
            &[nameless],
            Err((1, "the name of chat 4 has not 1 to 100 characters")),
        );
        let huge = EVENT.replace("37", "9007199254740993");
        let above = "event 9007199254740993 is above 4503599627370496";
        check(&[CHAT, &huge], Err((2, above)));
    }
}
