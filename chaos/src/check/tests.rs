//! The judge finds nothing in a clean run, and catches each kind of violation when one is put in.

use shared::command::CommandId;
use shared::error_code::ErrorCode;
use shared::event::EventType::{self, Join, Leave, StartTyping, StopTyping};
use uuid::Uuid;

use super::check;
use crate::evidence::{Evidence, Fate, Seen, Sent, Stored, Witness};
use crate::violation::Violation;

const CHAT: i64 = 4;
const USER: i64 = 1;
const OTHER: i64 = 2;

/// A world in which commands are sent one after the other, each told at once what becomes of it.
#[derive(Default)]
struct World {
    evidence: Evidence,
    moment: u64,
}

impl World {
    fn send(&mut self, author: i64, chat: i64, kind: EventType, fate: Fate) -> &mut Self {
        let number = self.evidence.sent.len() + 1;
        let sent = Sent {
            command: Uuid::from_u128(number as u128).into(),
            author,
            chat,
            kind,
            begun: self.moment,
            known: self.moment + 1,
            fate,
            burst: None,
        };
        self.moment += 2;
        self.evidence.sent.push(sent);
        if fate == Fate::Receipt {
            self.store(sent.command, author, chat, kind);
        }
        self
    }

    fn store(&mut self, command: CommandId, author: i64, chat: i64, kind: EventType) {
        let last = self.evidence.stored.iter().map(|event| event.id).max();
        let mut before = self.evidence.stored.iter().rev();
        let previous = before.find(|event| event.chat == chat);
        self.evidence.stored.push(Stored {
            id: last.unwrap_or(0) + 3,
            previous_id: previous.map_or(0, |event| event.id),
            command,
            author,
            chat,
            kind,
        });
    }

    /// What a faultless system leaves behind: memberships of the events, two subscribers who saw everything.
    fn finish(&mut self) -> Evidence {
        let mut evidence = std::mem::take(&mut self.evidence);
        evidence.typing_must_have_ended = true;
        evidence.country_of = [(CHAT, "DE".to_owned()), (CHAT + 1, "DE".to_owned())].into();
        for event in &evidence.stored {
            let place = (event.author, event.chat);
            match event.kind {
                Join => _ = evidence.members.insert(place),
                Leave => _ = evidence.members.remove(&place),
                _ => {}
            }
        }
        for (user, _) in &evidence.members {
            *evidence
                .countries
                .entry((*user, "DE".to_owned()))
                .or_default() += 1;
        }
        for name in ["ann", "bob"] {
            let mut witness = Witness {
                name: name.to_owned(),
                ..Witness::default()
            };
            for event in &evidence.stored {
                let seen = Seen {
                    id: event.id,
                    author: event.author,
                    kind: event.kind,
                };
                witness.chats.entry(event.chat).or_default().push(seen);
            }
            evidence.witnesses.push(witness);
        }
        evidence
    }
}

/// Two users, two chats of one country, refusals, typing ended by its author and by the system.
fn clean() -> Evidence {
    let mut world = World::default();
    let refused = Fate::Refused;
    world
        .send(USER, CHAT, Join, Fate::Receipt)
        .send(USER, CHAT, Join, refused(ErrorCode::AlreadyJoined))
        .send(OTHER, CHAT, Leave, refused(ErrorCode::NotJoined))
        .send(OTHER, CHAT, Join, Fate::Receipt)
        .send(USER, CHAT + 1, Join, Fate::Receipt)
        .send(USER, CHAT, StartTyping, Fate::Receipt)
        .send(USER, CHAT, StopTyping, Fate::Receipt)
        .send(OTHER, CHAT, Leave, Fate::Receipt)
        .send(OTHER, CHAT, StopTyping, refused(ErrorCode::Expired))
        .send(OTHER, CHAT, Join, refused(ErrorCode::Unavailable))
        .send(OTHER, CHAT, StartTyping, Fate::Receipt);
    let since = world.evidence.stored.last().unwrap().id;
    let end = CommandId::stop_typing(since.try_into().unwrap());
    world.store(end, OTHER, CHAT, StopTyping);
    world.finish()
}

/// What the judge says about the clean run after `spoil`, by the names of the violations.
fn found(spoil: impl FnOnce(&mut Evidence)) -> Vec<String> {
    let mut evidence = clean();
    spoil(&mut evidence);
    let name = |violation: &Violation| {
        let text = format!("{violation:?}");
        let end = text.find(|c: char| !c.is_ascii_alphanumeric());
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let mut names: Vec<String> = check(&evidence).iter().map(name).collect();
    names.dedup();
    names
}

/// What bob saw in the first chat.
fn seen(evidence: &mut Evidence) -> &mut Vec<Seen> {
    evidence.witnesses[1].chats.get_mut(&CHAT).unwrap()
}

fn refuse(evidence: &mut Evidence, number: usize, code: ErrorCode) {
    evidence.sent[number].fate = Fate::Refused(code);
}

#[test]
fn a_clean_run_has_no_violation() {
    assert_eq!(check(&clean()), []);
}

#[test]
fn a_lost_event_is_caught() {
    assert_eq!(found(|evidence| _ = seen(evidence).remove(2)), ["Lost"]);
    assert_eq!(found(|evidence| _ = seen(evidence).pop()), ["Lost"]);
    assert_eq!(found(|evidence| seen(evidence).clear()), ["Lost"]);
}

#[test]
fn the_report_of_a_lost_event_says_who_where_and_which() {
    let mut evidence = clean();
    let lost = seen(&mut evidence).remove(2);
    let report = check(&evidence)[0].to_string();
    let expected = format!("LOST: bob, chat {CHAT}, 1 events: {} (", lost.id);
    assert!(report.starts_with(&expected), "{report}");
}

#[test]
fn a_doubled_event_is_caught() {
    let double = |evidence: &mut Evidence| {
        let seen = seen(evidence);
        seen.insert(2, seen[1]);
    };
    assert_eq!(found(double), ["Doubled"]);
}

#[test]
fn a_disordered_event_is_caught() {
    assert_eq!(found(|evidence| seen(evidence).swap(1, 2)), ["Disordered"]);
}

#[test]
fn an_event_that_is_not_stored_is_caught() {
    let phantom = |evidence: &mut Evidence| {
        let ghost = Seen {
            id: 1_000,
            ..seen(evidence)[0]
        };
        seen(evidence).push(ghost);
    };
    assert_eq!(found(phantom), ["Phantom"]);
}

#[test]
fn an_altered_event_is_caught() {
    assert_eq!(found(|evidence| seen(evidence)[1].author = 99), ["Altered"]);
}

#[test]
fn a_receipt_without_event_is_caught() {
    let lose = |evidence: &mut Evidence| {
        let mut sent = evidence.sent[6];
        sent.command = Uuid::from_u128(77).into();
        evidence.sent.push(sent);
    };
    assert_eq!(found(lose), ["ReceiptWithoutEvent"]);
}

#[test]
fn a_command_stored_twice_is_caught() {
    let twice = |evidence: &mut Evidence| {
        let (first, second) = (evidence.stored[3].command, 4);
        let event = &mut evidence.stored[second];
        assert_eq!(event.kind, StopTyping);
        event.command = first;
        event.kind = StartTyping;
    };
    assert!(found(twice).contains(&"StoredTwice".to_owned()));
}

#[test]
fn a_refused_command_that_is_stored_is_caught() {
    let unavailable = |evidence: &mut Evidence| refuse(evidence, 5, ErrorCode::Unavailable);
    assert_eq!(found(unavailable), ["RefusedButStored"]);
}

#[test]
fn a_refusal_that_was_never_true_is_caught() {
    let never_a_member = |evidence: &mut Evidence| {
        evidence.sent[2].kind = Join;
        refuse(evidence, 2, ErrorCode::AlreadyJoined);
    };
    assert_eq!(found(never_a_member), ["UnfoundedRefusal"]);
    let still_a_member = |evidence: &mut Evidence| {
        evidence.sent[1].kind = Leave;
        refuse(evidence, 1, ErrorCode::NotJoined);
    };
    assert_eq!(found(still_a_member), ["UnfoundedRefusal"]);
    let expired_join = |evidence: &mut Evidence| refuse(evidence, 9, ErrorCode::Expired);
    assert_eq!(found(expired_join), ["UnfoundedRefusal"]);
}

#[test]
fn a_refusal_may_be_explained_by_a_command_that_was_under_way_at_the_same_time() {
    // The other one's LEAVE was refused while its JOIN, sent by another session, was not yet answered.
    let at_the_same_time = |evidence: &mut Evidence| {
        evidence.sent[2].kind = Join;
        refuse(evidence, 2, ErrorCode::AlreadyJoined);
        evidence.sent[3].begun = evidence.sent[2].begun;
    };
    assert_eq!(found(at_the_same_time), [""; 0]);
}

#[test]
fn an_event_that_nobody_asked_for_is_caught() {
    let other_name = |evidence: &mut Evidence| {
        evidence.stored.last_mut().unwrap().command = Uuid::from_u128(78).into();
    };
    assert_eq!(found(other_name), ["NobodyAsked"]);
}

#[test]
fn the_wrong_event_is_caught() {
    let wrong = |evidence: &mut Evidence| evidence.sent[6].author = OTHER;
    assert_eq!(found(wrong), ["WrongEvent"]);
}

#[test]
fn commands_stored_against_the_order_of_their_senders_are_caught() {
    let swap = |evidence: &mut Evidence| {
        let (first, second) = (&evidence.sent[0], &evidence.sent[3]);
        let (begun, known) = ((second.begun, first.begun), (second.known, first.known));
        (evidence.sent[0].begun, evidence.sent[3].begun) = begun;
        (evidence.sent[0].known, evidence.sent[3].known) = known;
    };
    assert!(found(swap).contains(&"StoredOutOfOrder".to_owned()));
}

#[test]
fn a_command_that_overtakes_another_of_its_burst_is_caught() {
    // Sent one behind the other, both under way at the same time.
    let burst = |evidence: &mut Evidence, first: usize, second: usize| {
        for number in [first, second] {
            evidence.sent[number].burst = Some(1);
            (evidence.sent[number].begun, evidence.sent[number].known) = (10, 13);
        }
        evidence.sent[second].begun += 1;
    };
    assert_eq!(found(|evidence| burst(evidence, 5, 6)), [""; 0]);
    assert_eq!(found(|evidence| burst(evidence, 6, 5)), ["Overtaken"]);
}

#[test]
fn a_broken_chain_is_caught() {
    let cut = |evidence: &mut Evidence| evidence.stored[3].previous_id = 1;
    assert_eq!(found(cut), ["BrokenChain"]);
}

#[test]
fn a_wrong_membership_is_caught() {
    let extra = |evidence: &mut Evidence| _ = evidence.members.insert((OTHER, CHAT));
    assert_eq!(found(extra), ["WrongMembership"]);
    let missing = |evidence: &mut Evidence| _ = evidence.members.remove(&(USER, CHAT));
    assert_eq!(found(missing), ["WrongMembership"]);
}

#[test]
fn a_second_join_of_a_member_is_caught() {
    let join_again = |evidence: &mut Evidence| {
        let event = &mut evidence.stored[3];
        event.kind = Join;
        evidence.sent[5].kind = Join;
    };
    assert!(found(join_again).contains(&"ImpossibleEvent".to_owned()));
}

#[test]
fn a_wrong_country_count_is_caught() {
    let place = || (USER, "DE".to_owned());
    assert_eq!(
        found(|evidence| _ = evidence.countries.remove(&place())),
        ["WrongCountry"]
    );
    assert_eq!(
        found(|evidence| _ = evidence.countries.insert(place(), 1)),
        ["WrongCountry"]
    );
    let elsewhere = |evidence: &mut Evidence| _ = evidence.countries.insert((9, "FR".into()), 1);
    assert_eq!(found(elsewhere), ["WrongCountry"]);
}

#[test]
fn typing_that_was_never_ended_is_caught() {
    let stuck = |evidence: &mut Evidence| {
        let end = evidence.stored.pop().unwrap();
        for witness in &mut evidence.witnesses {
            witness.chats.get_mut(&end.chat).unwrap().pop();
        }
    };
    assert_eq!(found(stuck), ["TypingLeftOn"]);
    let not_yet = |evidence: &mut Evidence| {
        stuck(evidence);
        evidence.typing_must_have_ended = false;
    };
    assert_eq!(found(not_yet), [""; 0]);
}
