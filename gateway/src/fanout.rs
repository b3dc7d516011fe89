//! From NATS subjects to local sessions.
//!
//! The gateway holds one core NATS subscription per chat that has local subscribers, taken on first interest
//! and dropped after the last. Chats are spread over shards; each shard is one task that owns everything about
//! its chats, so that the order of a chat's events needs no lock.
//!
//! Core subscriptions and not JetStream consumers: a consumer per chat and gateway leaks, costs the server
//! state and does not come back by itself after a reconnect. What a core subscription may miss, the chain of
//! event ids shows and the history fills in.
//!
//! Before anybody sees a chat's events, live or replayed, its guard is asked whether they are for them.

mod chat;
mod guard;
mod heads;
mod interest;
mod joining;
mod meters;
mod repairs;
mod replay;
mod room;
mod shard;
mod turns;

use std::sync::Arc;

use shared::beacon::Beacon;
use shared::bus::Bus;
use shared::envelope::Envelope;
use shared::id::{ChatId, EventId};
use shared::lifecycle::Lifecycle;
use tokio::sync::mpsc;

pub use self::joining::Subscriber;
use self::joining::{Joining, Start};
use self::meters::Meters;
use self::replay::History;
use crate::end_to_end::EndToEnd;
use crate::owners::Owners;

/// Most requests waiting for one shard. A session whose request finds it full waits, and is not read meanwhile.
const REQUESTS_MAX: usize = 1_024;

/// Handle to all shards; cheap to clone.
#[derive(Clone)]
pub struct Fanout {
    shards: Arc<[mpsc::Sender<Request>]>,
    history: History,
    life: Lifecycle,
}

/// Names a subscription on this gateway: the session's number and the subscription's number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriberId {
    /// Number of the session, unique in this process.
    pub session: u64,
    /// Number of the subscription in its session.
    pub subscription: u32,
}

/// What a shard is asked.
#[derive(Debug)]
enum Request {
    Join(ChatId, Joining),
    Leave(ChatId, SubscriberId),
    /// The newest events of the history, for whoever comes back next.
    Remember(ChatId, Vec<Envelope>),
    /// Newest published events, as a beacon tells them.
    Heads(Arc<[(ChatId, i64)]>),
    /// The connection to NATS is back; anything may have been missed.
    Reconnected,
}

impl Fanout {
    /// Starts a shard for each thread.
    ///
    /// `event_bus` holds the subscriptions, `queries` reads history, `end_to_end` hears of what is delivered.
    pub fn start(
        threads: usize,
        event_bus: &Bus,
        queries: &Bus,
        owners: &Arc<Owners>,
        life: &Lifecycle,
        end_to_end: EndToEnd,
    ) -> Self {
        let meters = Meters::new(end_to_end);
        let threads = threads.max(1);
        let shards = (0..threads)
            .map(|_| {
                let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
                let shard = shard::run(
                    event_bus.clone(),
                    queries.clone(),
                    Arc::clone(owners),
                    life.clone(),
                    inbox,
                    meters.clone(),
                    threads,
                );
                life.spawn_attendant("fan-out", shard);
                requests
            })
            .collect();
        let fanout = Self {
            shards,
            history: History::new(queries.client.clone()),
            life: life.clone(),
        };
        life.spawn_attendant(
            "fan-out reconnects",
            fanout.clone().watch_reconnects(event_bus.clone()),
        );
        fanout
    }

    /// Asks for a chat's events: from now on, or everything after an event that was seen before. The answer
    /// comes to the subscriber's session; events from now on come after it, replayed ones before.
    pub async fn subscribe(&self, chat: ChatId, subscriber: Subscriber, after: Option<EventId>) {
        match after {
            None => {
                let joining = Joining::new(subscriber, Start::Now);
                self.join(chat, joining).await;
            }
            Some(after) => {
                let replay = self
                    .history
                    .clone()
                    .replay(self.clone(), chat, subscriber, after);
                self.life.spawn(replay);
            }
        }
    }

    /// Ends a subscription. Events already queued for the session are still sent.
    pub async fn unsubscribe(&self, chat: ChatId, subscriber: SubscriberId) {
        self.request(chat, Request::Leave(chat, subscriber)).await;
    }

    async fn join(&self, chat: ChatId, joining: Joining) {
        self.request(chat, Request::Join(chat, joining)).await;
    }

    /// Offers a chat the newest events of its history.
    async fn remember(&self, chat: ChatId, events: Vec<Envelope>) {
        self.request(chat, Request::Remember(chat, events)).await;
    }

    /// Compares what a beacon says with what was delivered.
    pub async fn on_beacon(&self, beacon: &Beacon) {
        if beacon.heads.is_empty() {
            return;
        }
        let heads: Arc<[_]> = beacon
            .heads
            .iter()
            .map(|(chat, event)| (*chat, event.get()))
            .collect();
        for shard in self.shards.iter() {
            // A shard that ends takes the process with it; nothing to do here.
            let _ = shard.send(Request::Heads(Arc::clone(&heads))).await;
        }
    }

    async fn request(&self, chat: ChatId, request: Request) {
        let shard = chat.get().unsigned_abs() % self.shards.len() as u64;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "smaller than the number of shards"
        )]
        let _ = self.shards[shard as usize].send(request).await;
    }

    async fn watch_reconnects(self, bus: Bus) {
        let mut connections = bus.connections();
        while connections.changed().await.is_ok() {
            for shard in self.shards.iter() {
                let _ = shard.send(Request::Reconnected).await;
            }
        }
    }
}
