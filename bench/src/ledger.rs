//! Who has got what: counts deliveries, times them, and finds what is lost, doubled or out of order.

mod chat;
mod faults;

use std::collections::HashMap;
use std::time::Instant;

use hdrhistogram::Histogram;
use shared::id::ChatId;

pub use self::faults::Faults;

use self::chat::Chat;
use crate::delivered::Delivered;

/// Longest latency that is told apart from longer ones, in nanoseconds: a minute.
const LATENCY_MAX: u64 = 60_000_000_000;
/// Significant decimal digits of latencies.
const LATENCY_DIGITS: u8 = 3;

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
    /// After how many events of a chat the numbers in them begin again, if they do.
    cycle: Option<u64>,
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
            cycle: None,
        }
    }

    /// The numbers in the events of a chat begin again after so many. A gap is found if it is shorter.
    #[must_use]
    pub fn numbered_in_cycles_of(self, cycle: Option<u64>) -> Self {
        Self { cycle, ..self }
    }

    /// A client subscribes: it gets whatever is published from now on. `anywhere`: or from some later moment on,
    /// when its server does not say from which.
    pub fn subscribe(&mut self, client: usize, chat: usize, anywhere: bool) {
        if self.subscribers.len() <= client {
            self.subscribers.resize(client + 1, None);
        }
        self.chats[chat].enter();
        let published = self.chats[chat].published();
        self.subscribers[client] = Some(Subscriber {
            chat,
            sequence: published,
            id: 0,
            anywhere,
            uncounted: published,
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
            let got = subscriber.sequence.max(subscriber.uncounted);
            self.chats[subscriber.chat].leave(got);
            self.left.insert(client, subscriber);
            self.complete(subscriber.chat);
        }
    }

    /// The number of the chat's next event, which is published now.
    pub fn publish(&mut self, chat: usize, now: Instant) -> u64 {
        let number = self.chats[chat].publish(now);
        // At once when nobody is subscribed.
        self.complete(chat);
        number
    }

    /// How many events of a chat are published.
    pub fn published(&self, chat: usize) -> u64 {
        self.chats[chat].published()
    }

    /// The same, by the chat's number on the wire; `None` when there is no such chat.
    pub fn published_on(&self, chat: ChatId) -> Option<u64> {
        let index = usize::try_from(chat.get() - 1).ok()?;
        self.chats.get(index).map(Chat::published)
    }

    /// A client got an event.
    pub fn delivered(&mut self, client: usize, mut event: Delivered, now: Instant) {
        let subscriber = self.subscribers.get_mut(client).and_then(Option::as_mut);
        let Some(subscriber) = subscriber else {
            return;
        };
        if event.id == subscriber.id {
            self.faults.doubled += 1;
            return;
        }
        if let Some(cycle) = self.cycle {
            event.sequence = first_from(subscriber.sequence + 1, event.sequence, cycle);
        }
        let chat = &mut self.chats[subscriber.chat];
        if event.chat != chat_id(subscriber.chat) || event.sequence > chat.published() {
            self.faults.strays += 1;
            return;
        }
        if subscriber.anywhere {
            subscriber.anywhere = false;
            chat.skip(subscriber.sequence, event.sequence);
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
                chat.skip(subscriber.sequence.max(subscriber.uncounted), later);
            }
        }
        if event.id <= subscriber.id {
            self.faults.disordered += 1;
        }
        subscriber.sequence = event.sequence;
        subscriber.id = event.id;
        if event.sequence > subscriber.uncounted
            && let Some(published) = chat.got(event.sequence)
            && self.recording
        {
            record_since(&mut self.latencies, published, now);
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
        self.chats.iter().all(Chat::is_quiet)
    }

    /// Whether the clients from this one on have everything published.
    pub fn all_up_to_date(&self, first: usize) -> bool {
        let mut subscribers = self.subscribers.iter().skip(first).flatten();
        subscribers.all(|subscriber| subscriber.sequence == self.chats[subscriber.chat].published())
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
                .map(|subscriber| self.chats[subscriber.chat].published() - subscriber.sequence)
                .sum::<u64>();
        }
        faults
    }

    fn complete(&mut self, chat: usize) {
        let complete = self.chats[chat].take_complete();
        self.completed.extend(std::iter::repeat_n(chat, complete));
    }
}

/// The first number from `start` on that leaves the same remainder as `like`.
fn first_from(start: u64, like: u64, cycle: u64) -> u64 {
    start + (like % cycle + cycle - start % cycle) % cycle
}

#[cfg(test)]
mod tests;
