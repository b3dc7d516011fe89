//! Tables for each rule, and a property test against a model that thinks one command at a time.

mod private;
mod typing;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use shared::partition::Partition;
use shared::policy::{ChatType, POLICY, SEATS_MAX};
use uuid::Uuid;

use super::*;

/// Noon of some day, in microseconds.
const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn numbering() -> Numbering {
    Numbering {
        partition: Partition::new(0),
        partitions: 1.try_into().unwrap(),
    }
}

/// For a batch that begins with this command.
fn terms_of(first: &Wish) -> Terms {
    Terms {
        from: Mark {
            seq: first.seq - 1,
            id_base: 0,
        },
        numbering: numbering(),
        typing_lease: TypingLease(std::time::Duration::from_mins(1)),
        policy: POLICY,
        now: NOW,
        carried_out_once: 0,
    }
}

fn user(id: i64) -> UserId {
    id.try_into().unwrap()
}

fn chat(id: i64) -> ChatId {
    id.try_into().unwrap()
}

fn name(number: u128) -> CommandId {
    Uuid::from_u128(number).into()
}

fn wish(seq: i64, number: u128, kind: EventType, author: i64, room: i64) -> Wish {
    let command = Command {
        id: name(number),
        kind,
        author_id: user(author),
        chat_id: chat(room),
        if_typing_since: None,
    };
    Wish::alone(seq, NOW, command)
}

/// Chats 1 and 2 in country AA, 3 in BB; 5 in BB is private.
fn world() -> Before {
    use ChatType::{Group, Private};
    let mut before = Before::default();
    for (id, country, chat_type) in [
        (1, "AA", Group),
        (2, "AA", Group),
        (3, "BB", Group),
        (5, "BB", Private),
    ] {
        let room = Room {
            country: country.to_owned(),
            chat_type,
            seats: BTreeSet::new(),
            head: 0,
        };
        before.rooms.chats.insert(chat(id), room);
    }
    before
}

fn stored(id: i64) -> Outcome {
    Outcome::Stored(id.try_into().unwrap())
}

fn rejected(code: ErrorCode) -> Outcome {
    Outcome::Rejected(code)
}

#[track_caller]
fn check(wishes: &[Wish], before: &Before, outcomes: &[Outcome]) -> Decision {
    let decision = decide(wishes, before, &terms_of(&wishes[0]));
    // A command without a name has no outcome.
    let told: Vec<_> = decision.outcomes.iter().copied().flatten().collect();
    assert_eq!(told, outcomes);
    decision
}

#[test]
fn a_member_joins_once_and_a_stranger_cannot_leave() {
    use EventType::{Join, Leave};
    let decision = check(
        &[
            wish(1, 1, Leave, 7, 1),
            wish(2, 2, Join, 7, 1),
            wish(3, 3, Join, 7, 1),
            wish(4, 4, Join, 7, 9),
        ],
        &world(),
        &[
            rejected(ErrorCode::NotJoined),
            stored(2),
            rejected(ErrorCode::AlreadyJoined),
            rejected(ErrorCode::ChatNotFound),
        ],
    );
    assert_eq!(decision.joined, [(user(7), chat(1))]);
    assert_eq!(decision.rejections.len(), 3);
    assert_eq!(decision.suspects, [name(1), name(3), name(4)]);
}

#[test]
fn a_join_is_never_too_late() {
    let mut late = wish(1, 1, EventType::Join, 7, 1);
    late.time = Timestamp::from_micros(0);
    check(&[late], &world(), &[stored(1)]);
}

#[test]
fn a_repeated_command_gets_its_first_outcome() {
    use EventType::Join;
    let mut before = world();
    before.known.insert(name(8), stored(5));
    let decision = check(
        &[
            wish(11, 8, Join, 7, 1),
            wish(12, 9, Join, 8, 1),
            wish(13, 9, Join, 8, 1),
        ],
        &before,
        &[stored(5), stored(12), stored(12)],
    );
    assert_eq!(decision.events.len(), 1);
}

#[test]
fn what_was_rejected_without_being_judged_is_judged_when_it_comes_again() {
    use EventType::Join;
    let mut before = world();
    let unavailable = rejected(ErrorCode::Unavailable);
    before.known.insert(name(8), unavailable);
    before.known.insert(name(9), rejected(ErrorCode::NotJoined));
    let wishes = [
        wish(11, 8, Join, 7, 1),
        wish(12, 8, Join, 7, 1),
        wish(13, 9, Join, 8, 1),
    ];
    let outcomes = [stored(11), stored(11), rejected(ErrorCode::NotJoined)];
    let decision = check(&wishes, &before, &outcomes);
    assert_eq!(decision.reconsidered, [name(8)]);
    assert!(
        decision.rejections.is_empty(),
        "known ones are not stored again"
    );
}

#[test]
fn events_of_a_chat_form_a_chain() {
    use EventType::{Join, StartTyping};
    let mut before = world();
    before.rooms.chats.get_mut(&chat(1)).unwrap().head = 40;
    let decision = check(
        &[
            wish(41, 1, Join, 7, 1),
            wish(42, 2, Join, 7, 2),
            wish(43, 3, StartTyping, 7, 1),
        ],
        &before,
        &[stored(41), stored(42), stored(43)],
    );
    let chain: Vec<_> = decision.events.iter().map(|e| e.previous_id).collect();
    assert_eq!(chain, [40, 0, 41]);
}

#[test]
fn what_cannot_be_read_is_refused_or_passed_over() {
    let mut nameless = wish(1, 1, EventType::Join, 7, 1);
    nameless.id = None;
    nameless.asks = Err(ErrorCode::MalformedPayload);
    let mut named = nameless.clone();
    named.id = Some(name(2));
    let decision = check(
        &[nameless, named],
        &world(),
        &[rejected(ErrorCode::MalformedPayload)],
    );
    assert_eq!(decision.outcomes[0], None);
    assert_eq!(decision.rejections.len(), 1);
}

/// Author 1 to 4, chat 1 to 5 (4 does not exist, 5 is private), a name of which some repeat.
fn any_wish() -> impl Strategy<Value = (u128, usize, i64, i64)> {
    (0..40_u128, 0..4_usize, 1..5_i64, 1..6_i64)
}

proptest! {
    #[test]
    fn batches_come_to_what_single_commands_come_to(
        wishes in proptest::collection::vec(any_wish(), 0..60),
        splits in proptest::collection::vec(1..20_usize, 0..20),
    ) {
        let wishes: Vec<_> = (1_i64..)
            .zip(wishes)
            .map(|(seq, (number, kind, author, room))| {
                wish(seq, number, EventType::ALL[kind], author, room)
            })
            .collect();

        // The model: plain sets, one command at a time.
        let mut members = BTreeSet::new();
        let mut seats = BTreeSet::new();
        let mut first = BTreeMap::new();
        let mut expected = Vec::new();
        for wish in &wishes {
            let command = wish.asks.as_ref().unwrap();
            let pair = (command.author_id, command.chat_id);
            let outcome = *first.entry(command.id).or_insert_with(|| {
                let fine = Outcome::Stored(wish.seq.try_into().unwrap());
                match command.kind {
                    _ if command.chat_id == chat(4) => Outcome::Rejected(ErrorCode::ChatNotFound),
                    EventType::Join if members.contains(&pair) => Outcome::Rejected(ErrorCode::AlreadyJoined),
                    EventType::Join if command.chat_id == chat(5) => {
                        if seats.contains(&command.author_id) || seats.len() < SEATS_MAX {
                            seats.insert(command.author_id);
                            members.insert(pair);
                            fine
                        } else {
                            Outcome::Rejected(ErrorCode::Forbidden)
                        }
                    }
                    EventType::StartTyping | EventType::StopTyping
                        if command.chat_id == chat(5) && !members.contains(&pair) =>
                    {
                        Outcome::Rejected(ErrorCode::Forbidden)
                    }
                    EventType::Join => {
                        members.insert(pair);
                        fine
                    }
                    EventType::Leave if !members.remove(&pair) => Outcome::Rejected(ErrorCode::NotJoined),
                    _ => fine,
                }
            });
            expected.push(Some(outcome));
        }

        // The same in batches, carrying over what a database would.
        let mut before = world();
        let mut countries: BTreeMap<(UserId, String), i32> = BTreeMap::new();
        let mut outcomes = Vec::new();
        let mut rest = &wishes[..];
        let mut splits = splits.into_iter();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(splits.next().unwrap_or(60).min(rest.len()));
            rest = later;
            let decision = decide(batch, &before, &terms_of(&batch[0]));
            for event in &decision.events {
                let room = before.rooms.chats.get_mut(&event.event.chat_id).unwrap();
                prop_assert!(event.event.id.get() > room.head, "ids grow along a chat");
                prop_assert_eq!(event.previous_id, room.head, "the chain has no break");
                room.head = event.event.id.get();
            }
            for pair in &decision.left {
                prop_assert!(before.rooms.members.remove(pair));
            }
            for (user, room) in &decision.seated {
                prop_assert!(before.rooms.chats.get_mut(room).unwrap().seats.insert(*user));
            }
            for pair in &decision.joined {
                prop_assert!(before.rooms.members.insert(*pair));
            }
            for (key, change) in &decision.countries {
                *countries.entry(key.clone()).or_default() += change;
            }
            for (wish, outcome) in batch.iter().zip(&decision.outcomes) {
                before.known.insert(wish.id.unwrap(), outcome.unwrap());
            }
            outcomes.extend(decision.outcomes);
        }
        prop_assert_eq!(outcomes, expected);
        let seated = &before.rooms.chats[&chat(5)].seats;
        prop_assert_eq!(seated, &seats);
        prop_assert!(seated.len() <= SEATS_MAX);
        prop_assert_eq!(before.rooms.members.into_iter().collect::<BTreeSet<_>>(), members.clone());
        countries.retain(|_, chats| *chats != 0);
        let mut counted: BTreeMap<(UserId, String), i32> = BTreeMap::new();
        for (user, room) in members {
            let country = &before.rooms.chats[&room].country;
            *counted.entry((user, country.clone())).or_default() += 1;
        }
        prop_assert_eq!(countries, counted);
    }
}
