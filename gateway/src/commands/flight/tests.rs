//! Commands on their way, with a clock of the test's own.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shared::event::EventType;

use super::*;

const ACCEPTED: Word = Word::Accepted {
    is_repetition: false,
};
const REPEATED: Word = Word::Accepted {
    is_repetition: true,
};

/// A flight with as many places and a deadline of ten seconds.
struct Trip {
    flight: Flight<&'static str>,
    now: Instant,
}

impl Trip {
    fn new(places: usize) -> Self {
        let now = Instant::now();
        let bounds = Bounds {
            places,
            deadline: Duration::from_secs(10),
        };
        let flight = Flight::new(bounds, now);
        Self { flight, now }
    }

    /// A command of session 1 in a chat; its id.
    fn submit(&mut self, what: &'static str, chat: i64) -> CommandId {
        let id = CommandId::fresh();
        self.submit_as(what, chat, id);
        id
    }

    fn submit_as(&mut self, what: &'static str, chat: i64, id: CommandId) {
        let command = command(chat, id);
        self.flight.submit(1, command, what, self.now);
    }

    /// Publishes all that wants to be; what it is, and its number.
    fn publish(&mut self) -> Vec<(&'static str, u64)> {
        let mut published = Vec::new();
        while let Some(next) = self.flight.next() {
            let (Next::First(number) | Next::Again(number)) = next;
            published.push((self.flight.get(number).unwrap().what, number));
            self.flight.sent(number, self.now);
        }
        published
    }

    /// Publishes the only one that wants to be.
    fn publish_one(&mut self, what: &str) -> u64 {
        let published = self.publish();
        assert_eq!(published.len(), 1, "{published:?}");
        assert_eq!(published[0].0, what);
        published[0].1
    }

    fn word(&mut self, number: u64, word: Word) {
        self.flight.on_word(number, word, self.now);
    }

    fn outcome(&mut self, id: CommandId, outcome: Outcome) {
        self.flight.on_outcome(id, outcome, self.now);
    }

    /// Lets time pass, tick by tick.
    fn wait(&mut self, millis: u64, is_connected: bool) {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            self.now += TICK;
            self.flight.on_tick(is_connected, self.now);
        }
    }

    fn settled(&mut self) -> Vec<(&'static str, Result<i64, ErrorCode>)> {
        let settled = self.flight.take_settled();
        settled
            .map(|settled| (settled.what, settled.result.map(EventId::get)))
            .collect()
    }
}

fn command(chat: i64, id: CommandId) -> Command {
    Command {
        id,
        kind: EventType::Join,
        author_id: 7.try_into().unwrap(),
        chat_id: chat.try_into().unwrap(),
        if_typing_since: None,
    }
}

fn stored(event: i64) -> Outcome {
    Outcome::Stored(event.try_into().unwrap())
}

#[test]
fn a_command_is_published_accepted_and_settled() {
    let mut trip = Trip::new(8);
    let id = trip.submit("a", 4);
    let number = trip.publish_one("a");
    trip.word(number, ACCEPTED);
    trip.outcome(id, stored(37));
    // What comes late changes nothing.
    trip.outcome(id, Outcome::Rejected(ErrorCode::Expired));
    trip.word(number, Word::Refused);
    assert_eq!(trip.settled(), [("a", Ok(37))]);
    assert_eq!(trip.flight.len(), 0);
}

#[test]
fn commands_of_one_chat_are_published_one_after_the_other() {
    let mut trip = Trip::new(8);
    let (first, second) = (trip.submit("1", 4), trip.submit("2", 4));
    trip.submit("3", 5);
    trip.submit("4", 4);
    let published = trip.publish();
    assert_eq!(published, [("1", 1), ("3", 3)]);
    trip.word(1, ACCEPTED);
    trip.word(1, ACCEPTED);
    assert_eq!(trip.publish(), [("2", 2)]);
    trip.outcome(first, stored(1));
    assert_eq!(trip.publish(), []);
    // An outcome says that NATS had the command.
    trip.outcome(second, stored(2));
    assert_eq!(trip.publish(), [("4", 4)]);
}

#[test]
fn a_refusal_of_the_first_attempt_proves_that_nothing_happened() {
    let mut trip = Trip::new(8);
    trip.submit("a", 4);
    trip.submit("b", 4);
    let number = trip.publish_one("a");
    trip.word(number, Word::Refused);
    assert_eq!(trip.settled(), [("a", Err(ErrorCode::Unavailable))]);
    trip.publish_one("b");
}

#[test]
fn a_refusal_of_a_later_attempt_proves_nothing() {
    let mut trip = Trip::new(8);
    trip.submit("a", 4);
    let number = trip.publish_one("a");
    trip.word(number, Word::Unclear);
    assert_eq!(trip.publish(), [], "not at once");
    trip.wait(100, true);
    assert_eq!(trip.publish(), [("a", number)]);
    for _ in 0..98 {
        trip.word(number, Word::Refused);
        trip.wait(100, true);
        assert_eq!(trip.settled(), []);
        assert_eq!(trip.publish_one("a"), number);
    }
    trip.wait(100, true);
    assert_eq!(trip.settled(), [("a", Err(ErrorCode::OutcomeUnknown))]);
}

#[test]
fn what_nats_does_not_confirm_is_published_again_before_its_successor() {
    let mut trip = Trip::new(8);
    trip.submit("a", 4);
    trip.submit("b", 4);
    let number = trip.publish_one("a");
    trip.wait(900, true);
    assert_eq!(trip.publish(), []);
    trip.wait(100, true);
    assert_eq!(trip.publish(), [("a", number)]);
    trip.word(number, REPEATED);
    assert_eq!(trip.flight.take_asks().count(), 1);
    trip.publish_one("b");
}

#[test]
fn an_outcome_that_does_not_come_is_asked_for() {
    let mut trip = Trip::new(8);
    let id = trip.submit("a", 4);
    let number = trip.publish_one("a");
    trip.word(number, ACCEPTED);
    trip.wait(1_900, true);
    assert_eq!(trip.flight.take_asks().count(), 0);
    trip.wait(100, true);
    assert_eq!(trip.flight.take_asks().collect::<Vec<_>>(), [id]);
    trip.wait(2_000, true);
    assert_eq!(trip.flight.take_asks().collect::<Vec<_>>(), [id]);
    trip.wait(6_000, true);
    assert_eq!(trip.settled(), [("a", Err(ErrorCode::OutcomeUnknown))]);
}

#[test]
fn a_repetition_is_asked_for_at_once_and_often() {
    let mut trip = Trip::new(8);
    let id = trip.submit("a", 4);
    let number = trip.publish_one("a");
    trip.word(number, REPEATED);
    assert_eq!(trip.flight.take_asks().collect::<Vec<_>>(), [id]);
    trip.wait(1_000, true);
    assert_eq!(trip.flight.take_asks().count(), 5);
}

#[test]
fn all_copies_on_their_way_hear_of_one_outcome() {
    let mut trip = Trip::new(8);
    let id = trip.submit("a", 4);
    let mut other = command(4, id);
    other.kind = EventType::Join;
    trip.flight.submit(2, other, "b", trip.now);
    assert_eq!(trip.publish().len(), 2);
    trip.outcome(id, stored(37));
    assert_eq!(trip.settled(), [("a", Ok(37)), ("b", Ok(37))]);
    // One that was not published yet is not meant: it finds out for itself.
    trip.submit_as("c", 4, id);
    trip.outcome(id, stored(37));
    assert_eq!(trip.settled(), []);
    trip.publish_one("c");
    trip.outcome(id, stored(37));
    assert_eq!(trip.settled(), [("c", Ok(37))]);
}

#[test]
fn an_outage_shows_within_five_seconds() {
    let mut trip = Trip::new(8);
    trip.submit("published", 4);
    let number = trip.publish_one("published");
    trip.submit("accepted", 5);
    let accepted = trip.publish_one("accepted");
    trip.word(accepted, ACCEPTED);
    trip.wait(3_900, false);
    assert_eq!(trip.publish(), [], "nobody to publish it to");
    assert_eq!(trip.settled(), []);
    trip.wait(100, false);
    let unknown = Err(ErrorCode::OutcomeUnknown);
    assert_eq!(trip.settled(), [("published", unknown)]);
    trip.word(number, ACCEPTED);
    trip.wait(6_000, false);
    assert_eq!(trip.settled(), [("accepted", unknown)]);
}

#[test]
fn after_an_outage_everything_unconfirmed_is_published_again() {
    let mut trip = Trip::new(8);
    trip.submit("a", 4);
    let number = trip.publish_one("a");
    trip.wait(3_000, false);
    trip.wait(100, true);
    assert_eq!(trip.publish(), [("a", number)]);
}

#[test]
fn what_finds_no_place_in_time_is_refused() {
    let mut trip = Trip::new(1);
    let first = trip.submit("a", 4);
    trip.submit("b", 5);
    trip.submit("c", 6);
    trip.publish_one("a");
    trip.wait(500, true);
    trip.outcome(first, stored(1));
    assert_eq!(trip.settled(), [("a", Ok(1))]);
    trip.publish_one("b");
    trip.wait(500, true);
    assert_eq!(trip.settled(), [("c", Err(ErrorCode::Unavailable))]);
    assert_eq!(trip.publish(), []);
}

#[test]
fn what_could_not_be_handed_to_nats_had_no_effect() {
    let mut trip = Trip::new(8);
    trip.submit("a", 4);
    let Some(Next::First(number)) = trip.flight.next() else {
        panic!("nothing to publish");
    };
    trip.flight.unsent(number, trip.now);
    assert_eq!(trip.settled(), [("a", Err(ErrorCode::Unavailable))]);

    trip.submit("b", 4);
    let number = trip.publish_one("b");
    trip.wait(1_000, true);
    assert_eq!(trip.flight.next(), Some(Next::Again(number)));
    trip.flight.unsent(number, trip.now);
    assert_eq!(trip.settled(), [], "the first attempt may have");
    trip.wait(100, true);
    assert_eq!(trip.publish(), [("b", number)]);
}

#[test]
fn what_is_about_to_be_published_has_a_place() {
    let mut trip = Trip::new(1);
    trip.submit("a", 4);
    trip.submit("b", 5);
    trip.submit("c", 6);
    let first = trip.flight.next().unwrap();
    assert_eq!(trip.flight.next(), None);
    trip.flight.refuse(first.number(), "no", trip.now);
    let second = trip.flight.next().unwrap();
    assert_eq!((second.number(), second.is_repetition()), (2, false));
    trip.flight.unsent(second.number(), trip.now);
    let unavailable = Err(ErrorCode::Unavailable);
    assert_eq!(trip.settled(), [("a", unavailable), ("b", unavailable)]);
    trip.publish_one("c");
    assert_eq!(trip.flight.next(), None);
}

/// What may happen to a flight.
#[derive(Debug, Clone, Copy)]
enum Step {
    Submit { session: u64, chat: i64 },
    Publish,
    Unsent,
    Word(usize, Word),
    Outcome(usize),
    Tick { millis: u64, is_connected: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let word = prop_oneof![
        Just(ACCEPTED),
        Just(REPEATED),
        Just(Word::Refused),
        Just(Word::Unclear)
    ];
    prop_oneof![
        (1..3_u64, 4..6_i64).prop_map(|(session, chat)| Step::Submit { session, chat }),
        Just(Step::Publish),
        Just(Step::Unsent),
        (0..20_usize, word).prop_map(|(index, word)| Step::Word(index, word)),
        (0..20_usize).prop_map(Step::Outcome),
        (1..2_000_u64, any::<bool>()).prop_map(|(millis, is_connected)| Step::Tick {
            millis,
            is_connected
        }),
    ]
}

proptest! {
    /// Whatever happens: each command is answered once, in the end; of one session and chat none is published for
    /// the first time before NATS has its predecessor; and no more are published at a time than there are places.
    #[test]
    fn every_command_is_answered_once_and_none_overtakes(steps in proptest::collection::vec(step(), 0..80)) {
        let mut trip = Trip::new(3);
        let mut ids = Vec::new();
        let mut answered: BTreeMap<CommandId, usize> = BTreeMap::new();
        let mut last_published: BTreeMap<(u64, i64), u64> = BTreeMap::new();
        for step in steps.into_iter().chain([Step::Tick { millis: 60_000, is_connected: true }]) {
            match step {
                Step::Submit { session, chat } => {
                    let id = CommandId::fresh();
                    ids.push(id);
                    trip.flight.submit(session, command(chat, id), "", trip.now);
                }
                Step::Publish | Step::Unsent => {
                    let Some(next) = trip.flight.next() else { continue };
                    let (Next::First(number) | Next::Again(number)) = next;
                    let underway = trip.flight.get(number).unwrap();
                    let lane = (underway.lane.session, underway.lane.chat.get());
                    if let Next::First(number) = next {
                        prop_assert!(last_published.insert(lane, number).is_none_or(|last| last < number));
                    }
                    match step {
                        Step::Unsent => trip.flight.unsent(number, trip.now),
                        _ => trip.flight.sent(number, trip.now),
                    }
                }
                Step::Word(index, word) => trip.word(index as u64 + 1, word),
                Step::Outcome(index) => {
                    if let Some(id) = ids.get(index) {
                        trip.outcome(*id, stored(1));
                    }
                }
                Step::Tick { millis, is_connected } => trip.wait(millis, is_connected),
            }
            prop_assert!(trip.flight.places_taken <= 3);
            for settled in trip.flight.take_settled() {
                *answered.entry(settled.command.id).or_default() += 1;
            }
            trip.flight.take_asks().for_each(drop);
        }
        // Those that were never their lane's first wait for the ones before them, of which there are at most all.
        for _ in 0..ids.len() {
            while let Some(Next::First(number) | Next::Again(number)) = trip.flight.next() {
                trip.flight.sent(number, trip.now);
            }
            trip.wait(20_000, true);
            for settled in trip.flight.take_settled() {
                *answered.entry(settled.command.id).or_default() += 1;
            }
        }
        prop_assert_eq!(trip.flight.len(), 0);
        prop_assert!(trip.flight.names.is_empty() && trip.flight.lanes.is_empty());
        prop_assert_eq!(trip.flight.places_taken, 0);
        prop_assert_eq!(answered.len(), ids.len());
        prop_assert!(answered.values().all(|times| *times == 1));
    }
}
