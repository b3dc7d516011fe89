use proptest::prelude::*;
use shared::event::EventType;
use shared::id::EventId;

use super::*;
use crate::outbound::EventMessage;

const OCTETS_MAX: usize = 1_600;

fn message(id: i64, typing_of: Option<i64>, octets: usize) -> EventMessage {
    EventMessage {
        octets: vec![b'x'; octets].into(),
        event: EventId::try_from(id).unwrap(),
        typing_of: typing_of.map(|user| user.try_into().unwrap()),
    }
}

fn event(id: i64, typing_of: Option<i64>, octets: usize) -> Arc<Delivery> {
    Arc::new(Delivery::of(message(id, typing_of, octets)))
}

fn taken(queue: &mut Queue, octets_max: usize) -> Result<Vec<i64>, Overflow> {
    let mut ids = Vec::new();
    for item in queue.take(octets_max)? {
        if let Item::Events { delivery, .. } = item {
            ids.extend(delivery.messages().iter().map(|one| one.event.get()));
        }
    }
    Ok(ids)
}

#[test]
fn events_up_to_the_bound_are_kept_and_written_octets_make_room() {
    let mut queue = Queue::new(10);
    queue.push_events(event(1, None, 5), 1);
    queue.push_events(event(2, None, 5), 1);
    assert_eq!(taken(&mut queue, 10), Ok(vec![1, 2]));
    queue.written(5);
    queue.push_events(event(3, None, 5), 1);
    assert_eq!(taken(&mut queue, 10), Ok(vec![3]));
}

#[test]
fn taken_but_unwritten_octets_still_count() {
    let mut queue = Queue::new(10);
    queue.push_events(event(1, None, 10), 1);
    assert_eq!(taken(&mut queue, 10), Ok(vec![1]));
    queue.push_events(event(2, None, 1), 1);
    assert_eq!(taken(&mut queue, 10), Err(Overflow));
}

#[test]
fn what_is_not_taken_yet_stays_in_order() {
    let mut queue = Queue::new(100);
    for id in 1..=5 {
        queue.push_events(event(id, None, 10), 1);
    }
    assert_eq!(taken(&mut queue, 20), Ok(vec![1, 2]));
    assert_eq!(taken(&mut queue, 25), Ok(vec![3, 4, 5]));
    assert!(!queue.is_filled());
}

#[test]
fn a_closed_queue_keeps_nothing() {
    let mut queue = Queue::new(10);
    queue.close();
    queue.push_events(event(1, None, 1), 1);
    queue.push_answer(Answer::Subscribed(1, Ok(())));
    assert!(!queue.is_filled());
}

#[test]
fn an_overflowed_queue_drops_its_events_and_says_so() {
    let mut queue = Queue::new(10);
    queue.push_events(event(1, None, 10), 1);
    queue.push_events(event(2, None, 1), 1);
    assert!(queue.is_filled());
    assert_eq!(queue.has_room(), None);
    assert_eq!(taken(&mut queue, 10), Err(Overflow));
}

#[test]
fn events_that_go_out_together_are_one_piece() {
    let octets = |text: &'static str| bytes::Bytes::from_static(text.as_bytes());
    let messages = [("a", 1), ("bc", 2), ("d", 3)].map(|(text, id)| EventMessage {
        octets: octets(text),
        ..message(id, None, 0)
    });
    let deliveries = Delivery::together(messages.to_vec());
    let [delivery] = &deliveries[..] else {
        panic!("{deliveries:?}")
    };
    assert_eq!(delivery.octets(), "abcd");
    assert_eq!(delivery.newest().get(), 3);
    for (one, before) in delivery.messages().iter().zip(messages) {
        assert_eq!((&one.octets, one.event), (&before.octets, before.event));
    }
    assert!(Delivery::together([]).is_empty());
}

#[test]
fn no_more_go_out_together_than_a_queue_can_judge_one_by_one() {
    let sizes = [10_000, 6_384, 1, 20_000, 20_000, 1];
    let messages = (1..).zip(sizes);
    let deliveries = Delivery::together(messages.map(|(id, octets)| message(id, None, octets)));
    let counts: Vec<_> = deliveries.iter().map(|one| one.messages().len()).collect();
    assert_eq!(counts, [2, 1, 1, 1, 1]);
}

/// Three quarters of the bound are taken up by what `typing_of` says, 100 octets each; what a further event
/// leaves of them.
#[track_caller]
fn check(typing_of: &[(u32, Option<i64>); 12], expected: &[i64]) {
    let mut queue = Queue::new(OCTETS_MAX);
    for (id, (subscription, typing_of)) in (1..).zip(typing_of) {
        let conflated = queue.push_events(event(id, *typing_of, 100), *subscription);
        assert_eq!(conflated, Conflated::default(), "not crowded yet");
    }
    let conflated = queue.push_events(event(13, None, 100), 1);
    assert_eq!(conflated.events, 13 - expected.len());
    assert_eq!(conflated.octets, 100 * conflated.events);
    assert_eq!(taken(&mut queue, OCTETS_MAX).as_deref(), Ok(expected));
}

#[test]
fn in_a_crowded_queue_the_last_word_on_typing_stays() {
    let (join, seven, eight) = ((1, None), (1, Some(7)), (1, Some(8)));
    // Nobody's word is superseded.
    let mut distinct = [join; 12];
    (distinct[3], distinct[9]) = (seven, eight);
    check(&distinct, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    // One author's words.
    let mut repeated = [join; 12];
    (repeated[1], repeated[5], repeated[9]) = (seven, seven, seven);
    check(&repeated, &[1, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]);
    // Two authors' words, turn about.
    let mut mixed = [seven; 12];
    (mixed[2], mixed[4], mixed[11]) = (eight, join, eight);
    check(&mixed, &[5, 11, 12, 13]);
    // The same author in two chats.
    let mut two_chats = [join; 12];
    (two_chats[0], two_chats[1], two_chats[2]) = ((1, Some(7)), (2, Some(7)), (1, Some(7)));
    check(&two_chats, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
}

#[test]
fn a_client_that_reads_nothing_and_sees_only_typing_is_not_closed() {
    let mut queue = Queue::new(OCTETS_MAX);
    for id in 1..=10_000 {
        queue.push_events(event(id, Some(id % 5 + 1), 100), 1);
    }
    let left = taken(&mut queue, OCTETS_MAX).unwrap();
    assert_eq!(left[left.len() - 5..], [9_996, 9_997, 9_998, 9_999, 10_000]);
}

#[test]
fn memberships_alone_fill_the_queue_to_its_bound() {
    let mut queue = Queue::new(OCTETS_MAX);
    for id in 1..=16 {
        assert_eq!(queue.push_events(event(id, None, 100), 1).events, 0);
    }
    assert!(queue.has_room().is_some());
    queue.push_events(event(17, None, 100), 1);
    assert_eq!(queue.has_room(), None);
}

#[test]
fn only_live_typing_can_be_superseded() {
    let envelope = |kind| shared::envelope::Envelope {
        id: 1.try_into().unwrap(),
        previous_id: 0,
        kind,
        traceparent: None,
        body: bytes::Bytes::new(),
    };
    let author = 7.try_into().ok();
    for kind in EventType::ALL {
        let live = EventMessage::live(bytes::Bytes::new(), &envelope(kind), author);
        assert_eq!(
            live.typing_of,
            author.filter(|_| kind.is_typing()),
            "{kind}"
        );
    }
    let replayed = EventMessage::replayed(bytes::Bytes::new(), 1.try_into().unwrap());
    assert_eq!(replayed.typing_of, None);
}

/// What happens to a queue.
#[derive(Debug, Clone, Copy)]
enum Step {
    Membership,
    Typing(i64),
    /// What came since the last time goes out together.
    Flush,
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Membership),
        6 => (1..6_i64).prop_map(Step::Typing),
        3 => Just(Step::Flush),
        1 => (1..OCTETS_MAX).prop_map(Step::Take),
    ]
}

proptest! {
    /// Whatever a client misses, it misses no membership, and ends up with everybody's last word on typing.
    #[test]
    fn a_slow_client_ends_up_with_the_truth(steps in prop::collection::vec(step(), 0..300)) {
        let mut queue = Queue::new(OCTETS_MAX);
        let (mut pushed, mut received) = (Vec::new(), Vec::new());
        let take = |queue: &mut Queue, octets_max, received: &mut Vec<i64>| {
            let ids = taken(queue, octets_max)?;
            queue.written(ids.len() * 30);
            received.extend(ids);
            Ok::<(), Overflow>(())
        };
        let mut overflowed = false;
        let mut together = Vec::new();
        let ids = 1_i64..;
        for (id, step) in ids.zip(steps.into_iter().chain([Step::Flush, Step::Take(usize::MAX)])) {
            let typing_of = match step {
                Step::Membership => None,
                Step::Typing(user) => Some(user),
                Step::Flush => {
                    for delivery in Delivery::together(std::mem::take(&mut together)) {
                        queue.push_events(Arc::new(delivery), 1);
                    }
                    continue;
                }
                Step::Take(octets_max) => {
                    overflowed |= take(&mut queue, octets_max, &mut received).is_err();
                    continue;
                }
            };
            together.push(message(id, typing_of, 30));
            pushed.push((id, typing_of));
        }
        prop_assert!(received.is_sorted_by(|one, next| one < next));
        if !overflowed {
            for (place, (id, typing_of)) in pushed.iter().enumerate() {
                let superseded = typing_of.is_some()
                    && pushed[place + 1..].iter().any(|(_, later)| later == typing_of);
                prop_assert!(superseded || received.contains(id), "event {id} is missing");
            }
        }
    }
}
