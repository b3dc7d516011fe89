//! One task that owns some chats.
//!
//! Inputs of the loop: requests of sessions and beacons, events from NATS, answers about heads, pages of
//! history, and a tick for what has to be looked at again later. What they mean for a chat is decided in
//! [`super::chat`]; this does the rest.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::poll_immediate;
use futures_util::stream::SelectAll;
use shared::bus::Bus;
use shared::envelope::{self, Envelope};
use shared::error_code::ErrorCode;
use shared::id::ChatId;
use shared::lifecycle::Lifecycle;
use shared::{metric, subject};
use tokio::sync::mpsc;
use tokio::task::coop::unconstrained;
use tokio::task::yield_now;

use super::Request;
use super::chat::{Chat, Then};
use super::heads::{self, HeadAnswer};
use super::interest::{ChatEvents, Interest};
use super::joining::Joining;
use super::meters::Meters;
use super::repairs::Repairs;
use crate::chain::Need;
use crate::owners::Owners;

/// Most chats whose head is wanted and not yet asked for; one more is refused as UNAVAILABLE.
const HEADS_WANTED_MAX: usize = 65_536;

/// Most answers about heads waiting to be worked in.
const HEAD_ANSWERS_MAX: usize = 1_024;

/// With so many events in hand nothing more is taken to go out with them. What is left has its turn only after all whom
/// these are for, so that fewer at a time mean more writes: with 100 chats of 50, 32 events on their way in each, 1,024
/// brought a third of the deliveries that 4,096 did.
const TOGETHER_MAX: usize = 4_096;

/// Between two chats, others on the same thread have a turn after so long: commands, connections to NATS, clients with
/// something to say. One room is served in one go.
const TURN_MAX: Duration = Duration::from_millis(2);

/// How often the loop looks at what waits.
const TICK: Duration = Duration::from_millis(250);

/// How long an event may be on its way after a beacon told of it. Events and beacons travel on different
/// connections, so that one may overtake the other.
const HEAD_GRACE: Duration = Duration::from_secs(1);

/// Most beacons kept for that time; of more, the oldest are dropped, and the next beacon tells again.
const BEACONS_MAX: usize = 256;

/// The newest events that a beacon told of.
type ToldHeads = Arc<[(ChatId, i64)]>;

struct Shard {
    /// Holds the subscriptions.
    event_bus: Bus,
    owners: Arc<Owners>,
    chats: HashMap<ChatId, Chat>,
    events: SelectAll<ChatEvents>,
    wanted_heads: mpsc::Sender<ChatId>,
    repairs: Repairs,
    told_heads: VecDeque<(Instant, ToldHeads)>,
    meters: Meters,
    /// Of the process.
    threads: usize,
}

/// Runs a shard until nobody can ask it anything.
pub(super) async fn run(
    event_bus: Bus,
    queries: Bus,
    owners: Arc<Owners>,
    life: Lifecycle,
    mut requests: mpsc::Receiver<Request>,
    meters: Meters,
    threads: usize,
) {
    let (wanted_heads, wanted) = mpsc::channel(HEADS_WANTED_MAX);
    let (answers, mut head_answers) = mpsc::channel(HEAD_ANSWERS_MAX);
    life.spawn_attendant(
        "heads",
        heads::run(event_bus.client.clone(), wanted, answers),
    );
    let (repairs, mut pages) = Repairs::new(queries, life);
    let mut shard = Shard {
        event_bus,
        owners,
        chats: HashMap::new(),
        events: SelectAll::new(),
        wanted_heads,
        repairs,
        told_heads: VecDeque::new(),
        meters,
        threads,
    };
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => shard.on_request(request).await,
                None => return,
            },
            Some(payload) = shard.events.next(), if !shard.events.is_empty() => {
                shard.on_payload(payload).await;
                // Those whom it is for have their turn before it is looked what has come since.
                yield_now().await;
            }
            Some((chat, head)) = head_answers.recv() => shard.with(chat, |chat| chat.on_head(head)),
            Some((chat, page)) = pages.recv() => {
                shard.repairs.on_answer();
                shard.with(chat, |chat| chat.on_page(page));
            }
            _ = tick.tick() => shard.on_tick(),
        }
    }
}

impl Shard {
    async fn on_request(&mut self, request: Request) {
        match request {
            Request::Join(chat, joining) => self.on_join(chat, joining).await,
            Request::Leave(chat, id) => self.with(chat, |chat| {
                chat.leave(id);
                Need::Nothing
            }),
            Request::Remember(chat, events) => {
                if let Some(chat) = self.chats.get_mut(&chat) {
                    chat.remember(events);
                }
            }
            Request::Heads(heads) => {
                if self.told_heads.len() == BEACONS_MAX {
                    self.told_heads.pop_front();
                }
                self.told_heads.push_back((Instant::now(), heads));
            }
            Request::Reconnected => {
                for chat in self.chats.keys() {
                    // Full: the beacons tell of active chats anyway.
                    let _ = self.wanted_heads.try_send(*chat);
                }
            }
        }
    }

    async fn on_join(&mut self, chat: ChatId, joining: Joining) {
        if let Some(known) = self.chats.get_mut(&chat) {
            if known.join(joining) == Then::AskForHead {
                self.ask_again(chat);
            }
            return;
        }
        match self.open(chat).await {
            Ok((interest, events)) => {
                self.events.push(events);
                let meters = self.meters.clone();
                let opening = Chat::opening(chat, interest, joining, meters, self.threads);
                self.chats.insert(chat, opening);
                metrics::gauge!(metric::CHATS).increment(1);
            }
            Err(reason) => {
                tracing::warn!(chat.id = %chat, reason, "a subscription was refused");
                joining.subscriber.refuse(chat, ErrorCode::Unavailable);
            }
        }
    }

    /// Takes interest in a chat and asks for its head, in this order and on one connection.
    async fn open(&self, chat: ChatId) -> Result<(Interest, ChatEvents), &'static str> {
        if !self.event_bus.is_connected() {
            return Err("not connected to NATS");
        }
        let partitions = self
            .owners
            .partitions()
            .ok_or("no persister has been heard of")?;
        let subject = subject::events(partitions, chat);
        let opened = Interest::take(&self.event_bus.client, chat, subject).await?;
        self.wanted_heads
            .try_send(chat)
            .map_err(|_| "too many chats are being opened")?;
        Ok(opened)
    }

    /// A payload came: hands its events on, together with what else has come by now.
    async fn on_payload(&mut self, first: (ChatId, Bytes)) {
        let mut by_chat: BTreeMap<ChatId, Vec<Envelope>> = BTreeMap::new();
        let mut count = 0;
        let mut next = Some(first);
        while let Some((chat, payload)) = next {
            let events = by_chat.entry(chat).or_default();
            let before = events.len();
            events.extend(unpacked(chat, &payload));
            count += events.len() - before;
            next = if count < TOGETHER_MAX {
                // tokio would have a task pause after 128.
                poll_immediate(unconstrained(self.events.next()))
                    .await
                    .flatten()
            } else {
                None
            };
        }
        self.meters.received(count);
        let mut turn = Instant::now();
        for (chat, events) in by_chat {
            self.with(chat, |chat| chat.on_events(events));
            if turn.elapsed() >= TURN_MAX {
                yield_now().await;
                turn = Instant::now();
            }
        }
    }

    fn on_tick(&mut self) {
        while let Some((told, _)) = self.told_heads.front()
            && told.elapsed() >= HEAD_GRACE
            && let Some((_, heads)) = self.told_heads.pop_front()
        {
            for (chat, head) in heads.iter() {
                self.with(*chat, |chat| chat.on_told_head(*head));
            }
        }
        self.repairs.read();
    }

    /// Asks for the head of a chat in which somebody waits for it. Nobody is left waiting for an answer that will not
    /// come.
    fn ask_again(&mut self, chat: ChatId) {
        if self.wanted_heads.try_send(chat).is_err() {
            let answer = HeadAnswer {
                asked: Instant::now(),
                head: Err(ErrorCode::Unavailable),
            };
            self.with(chat, |chat| chat.on_head(answer));
        }
    }

    /// Lets something happen to a chat, if it is still here: sees to what its chain needs then, and drops it when
    /// it was the last to leave.
    fn with(&mut self, id: ChatId, happen: impl FnOnce(&mut Chat) -> Need) {
        let Some(chat) = self.chats.get_mut(&id) else {
            return;
        };
        let need = happen(chat);
        if chat.asks_again() {
            self.repairs.want(id, need);
            return self.ask_again(id);
        }
        if chat.is_abandoned() {
            self.chats.remove(&id);
            metrics::gauge!(metric::CHATS).decrement(1);
        } else {
            self.repairs.want(id, need);
        }
    }
}

/// The events in a payload; what cannot be read is missed, noticed by its successors, and read from the history.
fn unpacked(chat: ChatId, payload: &Bytes) -> impl Iterator<Item = Envelope> {
    envelope::unpack(payload).filter_map(move |event| {
        event
            .inspect_err(|error| {
                tracing::error!(chat.id = %chat, %error, "a message on an event subject cannot be read");
            })
            .ok()
    })
}
