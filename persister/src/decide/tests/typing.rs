//! Who is typing, and until when.

use super::*;

#[test]
fn anybody_types_but_not_late() {
    let mut late = wish(2, 2, EventType::StopTyping, 7, 1);
    late.time = Timestamp::from_micros(NOW.micros() - 10_001_000);
    let mut in_time = wish(3, 3, EventType::StopTyping, 7, 1);
    in_time.time = Timestamp::from_micros(NOW.micros() - 10_000_000);
    let decision = check(
        &[wish(1, 1, EventType::StartTyping, 7, 1), late, in_time],
        &world(),
        &[stored(1), rejected(ErrorCode::Expired), stored(3)],
    );
    assert!(decision.joined.is_empty());
}

/// What ends the typing of user 7 in chat 1 begun by event `since`.
fn end_of(seq: i64, number: u128, since: i64) -> Wish {
    let mut end = wish(seq, number, EventType::StopTyping, 7, 1);
    if let Ok(asks) = &mut end.asks {
        asks.if_typing_since = Some(since.try_into().unwrap());
    }
    end
}

fn typing(since: i64, ends_at_ms: i64) -> Typing {
    Typing {
        since: since.try_into().unwrap(),
        ends_at_ms,
    }
}

/// When typing begun now ends.
const LEASE_END_MS: i64 = NOW.micros() / 1_000 + 1 + 60_000;

#[test]
fn typing_lasts_for_a_lease_from_the_last_time_it_was_said() {
    use EventType::{StartTyping, StopTyping};
    let decision = check(
        &[
            wish(1, 1, StartTyping, 7, 1),
            wish(2, 2, StartTyping, 7, 1),
            wish(3, 3, StartTyping, 8, 1),
            wish(4, 4, StopTyping, 8, 1),
        ],
        &world(),
        &[stored(1), stored(2), stored(3), stored(4)],
    );
    let expected = [
        ((chat(1), user(7)), Some(typing(2, LEASE_END_MS))),
        ((chat(1), user(8)), None),
    ];
    assert_eq!(decision.typing, BTreeMap::from(expected));
}

#[test]
fn typing_ends_once_and_only_if_it_is_the_one_meant() {
    let mut before = world();
    let place = (chat(1), user(7));
    before.typists.known.insert(place, typing(40, LEASE_END_MS));
    let mut late = end_of(42, 2, 40);
    late.time = Timestamp::from_micros(0);
    let wishes = [end_of(41, 1, 39), late, end_of(43, 3, 40)];
    let decision = check(&wishes, &before, &[stored(42)]);
    assert_eq!(decision.outcomes, [None, Some(stored(42)), None]);
    assert_eq!(decision.typing, BTreeMap::from([(place, None)]));
    assert!(decision.rejections.is_empty() && decision.suspects.is_empty());
}

#[test]
fn who_leaves_stops_typing_at_once_and_who_does_not_type_does_not() {
    use EventType::{Join, Leave, StartTyping};
    let mut before = world();
    let place = (chat(1), user(7));
    before.typists.known.insert(place, typing(40, LEASE_END_MS));
    let decision = check(
        &[
            wish(41, 1, Join, 7, 1),
            wish(42, 2, Leave, 7, 1),
            wish(43, 3, Join, 8, 1),
            wish(44, 4, Leave, 8, 1),
            wish(45, 5, Join, 9, 1),
            wish(46, 6, StartTyping, 9, 1),
            wish(47, 7, Leave, 9, 1),
        ],
        &before,
        &(41..48).map(stored).collect::<Vec<_>>(),
    );
    let expected = [
        (place, Some(typing(40, Typing::AT_ONCE))),
        ((chat(1), user(9)), Some(typing(46, Typing::AT_ONCE))),
    ];
    assert_eq!(decision.typing, BTreeMap::from(expected));
}

#[test]
fn typing_that_was_in_time_once_is_in_time_again() {
    let start = |seq| {
        let mut start = wish(seq, seq.unsigned_abs().into(), EventType::StartTyping, 7, 1);
        start.time = Timestamp::from_micros(0);
        start
    };
    let terms = Terms {
        carried_out_once: 5,
        ..terms_of(&start(5))
    };
    let decision = decide(&[start(5), start(6)], &world(), &terms);
    let expected = [stored(5), rejected(ErrorCode::Expired)].map(Some);
    assert_eq!(decision.outcomes, expected);
}
