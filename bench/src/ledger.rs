//! Who has got what: counts deliveries, times them, and finds what is lost, doubled or out of order.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;
use shared::id::ChatId;

use crate::delivered::Delivered;

/// Longest latency that is told apart from longer ones, in nanoseconds: a minute.
const LATENCY_MAX: u64 = 60_000_000_000;
/// Significant decimal digits of latencies.
const LATENCY_DIGITS: u8 = 3;

/// What must not happen, and how often it did. Zero throughout, or the figures are worth nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Events that a subscriber never got.
    pub lost: u64,
    /// Events that a subscriber got again.
    pub doubled: u64,
    /// Events that came after a later one, and events whose id is not larger than the one before.
    pub disordered: u64,
    /// Events of a chat that the subscriber did not ask for, or that nobody published.
    pub strays: u64,
    /// Refusals, errors and closed connections.
    pub refused: u64,
}

impl Faults {
    /// Whether there are none.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("clean");
        }
        let Self {
            lost,
            doubled,
            disordered,
            strays,
            refused,
        } = self;
        write!(
            f,
            "WRONG: {lost} lost, {doubled} doubled, {disordered} disordered, {strays} strays, {refused} refused"
        )
    }
}

/// One subscriber of one chat.
#[derive(Debug, Clone, Copy)]
struct Subscriber {
    chat: usize,
    sequence: u64,
    id: u64,
    /// Whether the first event it gets may be any; then it counts from there.
    anywhere: bool,
    /// Newest event that was published before it came, which nobody waits for it to get.
    uncounted: u64,
}

/// An event on its way.
#[derive(Debug)]
struct InFlight {
    published: Instant,
    missing: usize,
}

#[derive(Debug, Default)]
struct Chat {
    subscribers: usize,
    published: u64,
    /// Oldest first; the last one is event `published`.
    in_flight: VecDeque<InFlight>,
}

/// Everything that was published and delivered.
#[derive(Debug)]
pub struct Ledger {
    chats: Vec<Chat>,
    subscribers: Vec<Option<Subscriber>>,
    /// Those who read no more, for when they come back.
    left: HashMap<usize, Subscriber>,
    /// Chats one of whose events has reached everybody since somebody last asked; one entry per event.
    completed: Vec<usize>,
    latencies: Histogram<u64>,
    deliveries: u64,
    recording: bool,
    faults: Faults,
    first_refusal: String,
}

/// The number that a chat has on the wire; 0 is no chat.
pub fn chat_id(chat: usize) -> u64 {
    chat as u64 + 1
}

/// An empty histogram for latencies in nanoseconds.
pub(crate) fn new_latencies() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_MAX, LATENCY_DIGITS).expect("bounds that hdrhistogram takes")
}

/// Records the time from `since` to `now`.
pub(crate) fn record_since(latencies: &mut Histogram<u64>, since: Instant, now: Instant) {
    let nanos = now.saturating_duration_since(since).as_nanos();
    latencies.saturating_record(u64::try_from(nanos).unwrap_or(LATENCY_MAX));
}

impl Ledger {
    /// Of so many chats.
    pub fn new(chats: usize) -> Self {
        Self {
            chats: (0..chats).map(|_| Chat::default()).collect(),
            subscribers: Vec::new(),
            left: HashMap::new(),
            completed: Vec::new(),
            latencies: new_latencies(),
            deliveries: 0,
            recording: false,
            faults: Faults::default(),
            first_refusal: String::new(),
        }
    }

    /// A client subscribes: it gets whatever is published from now on. `anywhere`: or from some later moment on,
    /// when its server does not say from which.
    pub fn subscribe(&mut self, client: usize, chat: usize, anywhere: bool) {
        if self.subscribers.len() <= client {
            self.subscribers.resize(client + 1, None);
        }
        self.chats[chat].subscribers += 1;
        self.subscribers[client] = Some(Subscriber {
            chat,
            sequence: self.chats[chat].published,
            id: 0,
            anywhere,
            uncounted: self.chats[chat].published,
        });
    }

    /// A client comes back as another one: it gets whatever the former one has not got.
    pub fn resume(&mut self, client: usize, former: usize) {
        let Some(left) = self.left.remove(&former) else {
            return;
        };
        self.subscribe(client, left.chat, false);
        if let Some(subscriber) = &mut self.subscribers[client] {
            subscriber.sequence = left.sequence;
            subscriber.id = left.id;
        }
    }

    /// Where a client that was dismissed had got to: chat and newest event.
    pub fn left_at(&self, client: usize) -> Option<(usize, u64)> {
        self.left.get(&client).map(|left| (left.chat, left.id))
    }

    /// A client reads no more: events are complete without it, and it is not asked what it got.
    pub fn dismiss(&mut self, client: usize) {
        if let Some(subscriber) = self.subscribers.get_mut(client).and_then(Option::take) {
            let chat = &mut self.chats[subscriber.chat];
            chat.subscribers -= 1;
            // What it has already got was taken off; the rest nobody waits for any more.
            let first = chat.published + 1 - chat.in_flight.len() as u64;
            let got = usize::try_from((subscriber.sequence + 1).saturating_sub(first)).unwrap_or(0);
            let uncounted =
                usize::try_from((subscriber.uncounted + 1).saturating_sub(first)).unwrap_or(0);
            for event in chat.in_flight.iter_mut().skip(got.max(uncounted)) {
                event.missing -= 1;
            }
            self.left.insert(client, subscriber);
            self.complete(subscriber.chat);
        }
    }

    /// The number of the chat's next event, which is published now.
    pub fn publish(&mut self, chat: usize, now: Instant) -> u64 {
        let state = &mut self.chats[chat];
        state.published += 1;
        let missing = state.subscribers;
        state.in_flight.push_back(InFlight {
            published: now,
            missing,
        });
        let number = state.published;
        if missing == 0 {
            self.complete(chat);
        }
        number
    }

    /// How many events of a chat are published.
    pub fn published(&self, chat: usize) -> u64 {
        self.chats[chat].published
    }

    /// The same, by the chat's number on the wire; `None` when there is no such chat.
    pub fn published_on(&self, chat: ChatId) -> Option<u64> {
        let index = usize::try_from(chat.get() - 1).ok()?;
        self.chats.get(index).map(|chat| chat.published)
    }

    /// A client got an event.
    pub fn delivered(&mut self, client: usize, event: Delivered, now: Instant) {
        let subscriber = self.subscribers.get_mut(client).and_then(Option::as_mut);
        let Some(subscriber) = subscriber else {
            return;
        };
        let chat = &mut self.chats[subscriber.chat];
        if event.chat != chat_id(subscriber.chat) || event.sequence > chat.published {
            self.faults.strays += 1;
            return;
        }
        if subscriber.anywhere {
            subscriber.anywhere = false;
            skip(chat, subscriber.sequence, event.sequence);
            subscriber.sequence = event.sequence - 1;
        }
        match event.sequence {
            same if same == subscriber.sequence => {
                self.faults.doubled += 1;
                return;
            }
            earlier if earlier < subscriber.sequence => {
                self.faults.disordered += 1;
                return;
            }
            later => {
                let skipped = later - subscriber.sequence - 1;
                self.faults.lost += skipped;
                skip(chat, subscriber.sequence.max(subscriber.uncounted), later);
            }
        }
        if event.id <= subscriber.id {
            self.faults.disordered += 1;
        }
        subscriber.sequence = event.sequence;
        subscriber.id = event.id;
        let index =
            position(chat, event.sequence).filter(|_| event.sequence > subscriber.uncounted);
        if let Some(in_flight) = index.and_then(|index| chat.in_flight.get_mut(index)) {
            in_flight.missing -= 1;
            if self.recording {
                record_since(&mut self.latencies, in_flight.published, now);
            }
        }
        if self.recording {
            self.deliveries += 1;
        }
        let chat = subscriber.chat;
        self.complete(chat);
    }

    /// A client was refused something, or lost its connection.
    pub fn refused(&mut self, client: usize, why: &str) {
        if self.faults.refused == 0 {
            self.first_refusal = format!("client {client}: {why}");
        }
        self.faults.refused += 1;
    }

    /// What the first of them was about.
    pub fn first_refusal(&self) -> &str {
        &self.first_refusal
    }

    /// How many chats there are.
    pub fn chats(&self) -> usize {
        self.chats.len()
    }

    /// Chats that have room for another event: one entry per event that has reached everybody.
    pub fn take_completed(&mut self, completed: &mut Vec<usize>) {
        completed.clear();
        std::mem::swap(&mut self.completed, completed);
    }

    /// Whether everything published has reached everybody.
    pub fn is_quiet(&self) -> bool {
        self.chats.iter().all(|chat| chat.in_flight.is_empty())
    }

    /// Whether the clients from this one on have everything published.
    pub fn all_up_to_date(&self, first: usize) -> bool {
        let mut subscribers = self.subscribers.iter().skip(first).flatten();
        subscribers.all(|subscriber| subscriber.sequence == self.chats[subscriber.chat].published)
    }

    /// Whether every subscriber has got something.
    pub fn all_hear(&self) -> bool {
        self.subscribers
            .iter()
            .flatten()
            .all(|subscriber| subscriber.id > 0)
    }

    /// Begins to count and time, or stops.
    pub fn record(&mut self, on: bool) {
        self.recording = on;
    }

    /// Deliveries counted while recording.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Latencies recorded, in nanoseconds.
    pub fn latencies(&self) -> &Histogram<u64> {
        &self.latencies
    }

    /// Takes the latencies recorded so far out.
    pub fn take_latencies(&mut self) -> Histogram<u64> {
        let taken = self.latencies.clone();
        self.latencies.reset();
        taken
    }

    /// What went wrong. `at_end`: nothing more will come, so what has not come is lost.
    pub fn faults(&self, at_end: bool) -> Faults {
        let mut faults = self.faults;
        if at_end {
            faults.lost += self
                .subscribers
                .iter()
                .flatten()
                .map(|subscriber| self.chats[subscriber.chat].published - subscriber.sequence)
                .sum::<u64>();
        }
        faults
    }

    fn complete(&mut self, chat: usize) {
        let in_flight = &mut self.chats[chat].in_flight;
        while in_flight.front().is_some_and(|event| event.missing == 0) {
            in_flight.pop_front();
            self.completed.push(chat);
        }
    }
}

/// Where an event stands among those in flight.
fn position(chat: &Chat, sequence: u64) -> Option<usize> {
    let first = chat.published + 1 - chat.in_flight.len() as u64;
    usize::try_from(sequence.checked_sub(first)?).ok()
}

/// Nobody waits any more for the events between these two to reach one subscriber.
fn skip(chat: &mut Chat, after: u64, before: u64) {
    for missed in after + 1..before {
        let index = position(chat, missed);
        if let Some(event) = index.and_then(|index| chat.in_flight.get_mut(index)) {
            event.missing -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(sequence: u64) -> Delivered {
        Delivered {
            id: sequence + 100,
            sequence,
            chat: 1,
        }
    }

    /// Two subscribers of one chat with three events; returns what each delivery in turn came to.
    fn check(deliveries: &[(usize, Delivered)]) -> Faults {
        let now = Instant::now();
        let mut ledger = Ledger::new(1);
        ledger.subscribe(0, 0, false);
        ledger.subscribe(1, 0, false);
        for _ in 0..3 {
            ledger.publish(0, now);
        }
        for (client, event) in deliveries {
            ledger.delivered(*client, *event, now);
        }
        ledger.faults(true)
    }

    fn all_of(client: usize) -> [(usize, Delivered); 3] {
        [1, 2, 3].map(|sequence| (client, event(sequence)))
    }

    #[test]
    fn every_event_once_and_in_order_is_clean() {
        let faults = check(&[all_of(0), all_of(1)].concat());
        assert!(faults.is_clean(), "{faults:?}");
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        let lost = check(&all_of(0));
        assert_eq!(lost.lost, 3);
        let gap = check(&[&all_of(0)[..], &[(1, event(1)), (1, event(3))]].concat());
        assert_eq!(gap.lost, 1);
        let doubled = check(&[&all_of(0)[..], &all_of(1), &[(1, event(3))]].concat());
        assert_eq!(doubled.doubled, 1);
        let late = check(&[&all_of(0)[..], &all_of(1), &[(1, event(2))]].concat());
        assert_eq!(late.disordered, 1);
        let mut backwards = all_of(1);
        backwards[2].1.id = 1;
        assert_eq!(check(&[all_of(0), backwards].concat()).disordered, 1);
        let mut elsewhere = event(1);
        elsewhere.chat = 2;
        let strays =
            check(&[&all_of(0)[..], &all_of(1), &[(0, elsewhere), (0, event(4))]].concat());
        assert_eq!(strays.strays, 2);
    }

    #[test]
    fn an_event_completes_when_the_last_subscriber_has_it() {
        let now = Instant::now();
        let (mut ledger, mut completed) = (Ledger::new(1), Vec::new());
        ledger.subscribe(0, 0, false);
        ledger.subscribe(1, 0, false);
        ledger.publish(0, now);
        ledger.publish(0, now);
        ledger.delivered(0, event(1), now);
        ledger.delivered(0, event(2), now);
        ledger.take_completed(&mut completed);
        assert!(completed.is_empty());
        ledger.delivered(1, event(1), now);
        ledger.take_completed(&mut completed);
        assert_eq!(completed, [0]);
        assert!(!ledger.is_quiet());
        ledger.dismiss(1);
        assert!(ledger.is_quiet());
        assert!(ledger.faults(true).is_clean());
    }

    #[test]
    fn who_comes_back_is_owed_what_it_missed() {
        let now = Instant::now();
        let mut ledger = Ledger::new(1);
        ledger.subscribe(0, 0, false);
        ledger.publish(0, now);
        ledger.delivered(0, event(1), now);
        ledger.dismiss(0);
        ledger.publish(0, now);
        assert_eq!(ledger.left_at(0), Some((0, 101)));
        ledger.resume(1, 0);
        ledger.publish(0, now);
        assert_eq!(ledger.faults(true).lost, 2);
        ledger.delivered(1, event(2), now);
        assert!(!ledger.is_quiet());
        ledger.delivered(1, event(3), now);
        assert!(ledger.is_quiet());
        assert!(ledger.faults(true).is_clean());
    }

    #[test]
    fn a_subscriber_without_a_known_beginning_counts_from_its_first_event() {
        let now = Instant::now();
        let mut ledger = Ledger::new(1);
        ledger.subscribe(0, 0, true);
        ledger.publish(0, now);
        ledger.publish(0, now);
        ledger.delivered(0, event(2), now);
        assert!(ledger.is_quiet());
        assert!(ledger.faults(true).is_clean());
        ledger.publish(0, now);
        assert_eq!(ledger.faults(true).lost, 1);
    }
}
