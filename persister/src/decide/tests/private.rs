//! Chats for two.

use super::*;

#[test]
fn two_take_the_seats_of_a_private_chat_and_a_third_gets_none() {
    use EventType::Join;
    let decision = check(
        &[
            wish(1, 1, Join, 7, 5),
            wish(2, 2, Join, 8, 5),
            wish(3, 3, Join, 9, 5),
            wish(4, 4, Join, 7, 5),
        ],
        &world(),
        &[
            stored(1),
            stored(2),
            rejected(ErrorCode::Forbidden),
            rejected(ErrorCode::AlreadyJoined),
        ],
    );
    let both = [(user(7), chat(5)), (user(8), chat(5))];
    assert_eq!(
        (&decision.joined[..], &decision.seated[..]),
        (&both[..], &both[..])
    );
}

#[test]
fn who_leaves_a_private_chat_keeps_the_seat_and_may_come_back() {
    use EventType::{Join, Leave};
    let mut before = world();
    before
        .rooms
        .members
        .extend([(user(7), chat(5)), (user(8), chat(5))]);
    let room = before.rooms.chats.get_mut(&chat(5)).unwrap();
    room.seats.extend([user(7), user(8)]);
    let decision = check(
        &[
            wish(1, 1, Leave, 7, 5),
            wish(2, 2, Join, 9, 5),
            wish(3, 3, Join, 7, 5),
        ],
        &before,
        &[stored(1), rejected(ErrorCode::Forbidden), stored(3)],
    );
    assert_eq!(decision.seated, []);
}

#[test]
fn a_seat_taken_and_left_in_one_batch_stays_taken() {
    use EventType::{Join, Leave};
    let decision = check(
        &[wish(1, 1, Join, 7, 5), wish(2, 2, Leave, 7, 5)],
        &world(),
        &[stored(1), stored(2)],
    );
    assert_eq!(decision.joined, []);
    assert_eq!(decision.seated, [(user(7), chat(5))]);
}

#[test]
fn only_members_type_in_a_private_chat_but_what_they_began_is_ended_for_them() {
    use EventType::{Join, Leave, StartTyping, StopTyping};
    let mut end = wish(5, 5, StopTyping, 7, 5);
    if let Ok(command) = &mut end.asks {
        command.if_typing_since = Some(3.try_into().unwrap());
    }
    check(
        &[
            wish(1, 1, StartTyping, 7, 5),
            wish(2, 2, Join, 7, 5),
            wish(3, 3, StartTyping, 7, 5),
            wish(4, 4, Leave, 7, 5),
            end,
            wish(6, 6, StopTyping, 7, 5),
        ],
        &world(),
        &[
            rejected(ErrorCode::Forbidden),
            stored(2),
            stored(3),
            stored(4),
            stored(5),
            rejected(ErrorCode::Forbidden),
        ],
    );
}

/// Nobody may anything.
#[derive(Debug)]
struct Closed;

impl Policy for Closed {
    fn judge(&self, _: Act, _: shared::policy::Standing) -> Result<(), ErrorCode> {
        Err(ErrorCode::Forbidden)
    }
}

#[test]
fn other_rules_come_to_other_decisions() {
    use EventType::{Join, Leave, StartTyping};
    let wishes = [
        wish(1, 1, Join, 7, 1),
        wish(2, 2, StartTyping, 7, 1),
        wish(3, 3, Leave, 7, 1),
    ];
    let terms = Terms {
        policy: &Closed,
        ..terms_of(&wishes[0])
    };
    let decision = decide(&wishes, &world(), &terms);
    let forbidden = Some(rejected(ErrorCode::Forbidden));
    let no_member = Some(rejected(ErrorCode::NotJoined));
    assert_eq!(decision.outcomes, [forbidden, forbidden, no_member]);
}
