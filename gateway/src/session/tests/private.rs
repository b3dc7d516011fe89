//! In whose name a session asks for a chat's events, and what it hears when they are not for it.

use super::*;
use crate::reader::Reader;

const SUBSCRIBE: &str = "SUBSCRIBE|id:a|destination:/countries/4/events";
const ENDED: &str =
    "FORBIDDEN Chat 4 is for its members only, and the subscription has ended with the membership";

fn user(id: i64) -> UserId {
    id.try_into().unwrap()
}

/// Subscribes and says in whose name.
fn reader(script: &mut Script) -> Reader {
    let mut out = Vec::new();
    let octets = frame(SUBSCRIBE);
    script
        .session
        .on_octets(octets.as_bytes(), script.now, &mut out);
    match out.as_slice() {
        [Action::Subscribe { reader, .. }] => reader.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_proven_session_reads_as_its_user_whatever_it_has_sent() {
    let mut script = Script::proven(600);
    script.play(r#"SEND|destination:/chat/events.joinChat||{"authorId":8,"chatId":4}"#);
    assert_eq!(reader(&mut script), Reader::Proven(user(7)));
}

#[test]
fn an_open_session_reads_as_whom_it_has_sent_as() {
    let mut script = Script::connected(V1_2);
    assert_eq!(reader(&mut script), Reader::Named([].into()));
    let mut script = Script::connected(V1_2);
    script.play(JOIN);
    script.play(r#"SEND|destination:/chat/events.joinChat||{"authorId":0,"chatId":4}"#);
    assert_eq!(reader(&mut script), Reader::Named([user(1)].into()));
}

#[test]
fn a_subscription_that_ends_with_the_membership_is_told_of_and_forgotten() {
    Script::connected(V1_2).check(&[
        (SUBSCRIBE, &["subscribe 1 to chat 4"]),
        ("!subscribed 1", &[]),
        ("!event 1 37", &[]),
        ("!ended 1", &[&unsolicited(1, "", ENDED)]),
        ("!ended 1", &[]),
        // What was sent before may still be acknowledged.
        ("ACK|id:37-1|receipt:r", &["RECEIPT|receipt-id:r"]),
        ("UNSUBSCRIBE|id:a|receipt:u", &["RECEIPT|receipt-id:u"]),
        (SUBSCRIBE, &["subscribe 2 to chat 4"]),
    ]);
}

#[test]
fn an_unsubscribe_that_crosses_the_news_has_the_last_word() {
    Script::connected(V1_2).check(&[
        (SUBSCRIBE, &["subscribe 1 to chat 4"]),
        ("!subscribed 1", &[]),
        ("UNSUBSCRIBE|id:a", &["unsubscribe 1 from chat 4"]),
        ("!ended 1", &[]),
    ]);
}

#[test]
fn whom_a_session_belonged_to_is_known_after_its_end() {
    let mut script = Script::proven(600);
    script.play("CONNECT|accept-version:1.2");
    assert_eq!(script.session.version(), None);
    assert!(script.session.has_begun());
    assert_eq!(script.session.user(), Some(user(7)));
    assert!(!Script::new(SessionLimits::default()).session.has_begun());
}
