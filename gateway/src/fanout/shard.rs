//! One task that owns some chats: their NATS subscriptions, chains and rooms.
//!
//! Inputs of the loop: requests of sessions and beacons, events from NATS, answers about heads, pages of
//! history, and a tick for what has to be looked at again later.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use shared::bus::Bus;
use shared::clock;
use shared::envelope::Envelope;
use shared::error_code::ErrorCode;
use shared::event::ChatEvent;
use shared::id::ChatId;
use shared::lifecycle::Lifecycle;
use shared::query::{EVENTS_MAX, EventsPage, EventsRequest};
use shared::{metric, subject, trace};
use tokio::sync::mpsc;

use super::heads::{self, HeadAnswer};
use super::interest::{ChatEvents, Interest};
use super::room::Room;
use super::{Request, Subscriber, SubscriberId};
use crate::chain::{Chain, Need};
use crate::outbound::Answer;
use crate::owners::Owners;
use crate::questions;
use crate::refusal::Refusal;

/// Most chats whose head is wanted and not yet asked for; one more is refused as UNAVAILABLE.
const HEADS_WANTED_MAX: usize = 65_536;

/// Most answers about heads waiting to be worked in.
const HEAD_ANSWERS_MAX: usize = 1_024;

/// Most pages of history read at once by one shard, so that repairs cannot crowd out live events.
const PAGES_OPEN_MAX: usize = 4;

/// Most events kept of a chat whose head is not known yet. Beyond it they are dropped and read from the history.
const EARLY_MAX: usize = 1_024;

/// How often the loop looks at what waits.
const TICK: Duration = Duration::from_millis(250);

/// Wait before a repair that found nothing new, or nobody to ask, reads the history again.
const REPAIR_AGAIN: Duration = Duration::from_millis(250);

/// How long an event may be on its way after a beacon told of it. Events and beacons travel on different
/// connections, so that one may overtake the other.
const HEAD_GRACE: Duration = Duration::from_secs(1);

/// Most beacons kept for that time; of more, the oldest are dropped, and the next beacon tells again.
const BEACONS_MAX: usize = 256;

/// What a shard knows of one chat.
struct Chat {
    room: Room,
    phase: Phase,
    /// Ends the NATS subscription when dropped.
    _interest: Interest,
}

enum Phase {
    /// The head is being asked for; until then nobody knows where live events begin.
    Opening {
        waiting: Vec<Subscriber>,
        early: Vec<Envelope>,
        newest: i64,
    },
    /// Events flow.
    Open(Chain),
}

/// The history a chat's chain needs.
struct WantedPage {
    chat: ChatId,
    after: i64,
    not_before: Instant,
}

/// The newest events that a beacon told of.
type ToldHeads = Arc<[(ChatId, i64)]>;

/// A page of history, or why there is none.
type PageAnswer = (ChatId, Result<EventsPage, ErrorCode>);

/// The state of the task.
pub(super) struct Shard {
    /// Holds the subscriptions.
    event_bus: Bus,
    /// Reads history, so that long answers do not delay live events.
    queries: Bus,
    owners: Arc<Owners>,
    life: Lifecycle,
    chats: HashMap<ChatId, Chat>,
    events: SelectAll<ChatEvents>,
    wanted_heads: mpsc::Sender<ChatId>,
    wanted_pages: VecDeque<WantedPage>,
    pages: mpsc::Sender<PageAnswer>,
    pages_open: usize,
    told_heads: VecDeque<(Instant, ToldHeads)>,
    /// Kept between events, to save allocations.
    ready: Vec<Envelope>,
}

/// Runs a shard until nobody can ask it anything.
pub(super) async fn run(
    event_bus: Bus,
    queries: Bus,
    owners: Arc<Owners>,
    life: Lifecycle,
    mut requests: mpsc::Receiver<Request>,
) {
    let (wanted_heads, wanted) = mpsc::channel(HEADS_WANTED_MAX);
    let (answers, mut head_answers) = mpsc::channel(HEAD_ANSWERS_MAX);
    let (pages, mut page_answers) = mpsc::channel(PAGES_OPEN_MAX);
    life.spawn_attendant(
        "heads",
        heads::run(event_bus.client.clone(), wanted, answers),
    );
    let mut shard = Shard {
        event_bus,
        queries,
        owners,
        life,
        chats: HashMap::new(),
        events: SelectAll::new(),
        wanted_heads,
        wanted_pages: VecDeque::new(),
        pages,
        pages_open: 0,
        told_heads: VecDeque::new(),
        ready: Vec::new(),
    };
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => shard.on_request(request).await,
                None => return,
            },
            Some((chat, payload)) = shard.events.next(), if !shard.events.is_empty() => shard.on_payload(chat, &payload),
            Some((chat, head)) = head_answers.recv() => shard.on_head(chat, head),
            Some((chat, page)) = page_answers.recv() => shard.on_page(chat, page),
            _ = tick.tick() => shard.on_tick(),
        }
        shard.read_pages();
    }
}

impl Shard {
    async fn on_request(&mut self, request: Request) {
        match request {
            Request::Subscribe(chat, subscriber) => self.on_subscribe(chat, subscriber).await,
            Request::Unsubscribe(chat, id) => self.on_unsubscribe(chat, id),
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

    async fn on_subscribe(&mut self, chat: ChatId, subscriber: Subscriber) {
        if let Some(known) = self.chats.get_mut(&chat) {
            match &mut known.phase {
                Phase::Opening { waiting, .. } => waiting.push(subscriber),
                Phase::Open(_) => admit(&mut known.room, subscriber),
            }
            return;
        }
        match self.open(chat).await {
            Ok((interest, events)) => {
                self.events.push(events);
                let phase = Phase::Opening {
                    waiting: vec![subscriber],
                    early: Vec::new(),
                    newest: 0,
                };
                self.chats.insert(
                    chat,
                    Chat {
                        room: Room::default(),
                        phase,
                        _interest: interest,
                    },
                );
                metrics::gauge!(metric::CHATS).increment(1);
            }
            Err(reason) => {
                tracing::warn!(chat.id = %chat, reason, "a subscription was refused");
                refuse(&subscriber, chat, ErrorCode::Unavailable);
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
        let opened = Interest::take(
            &self.event_bus.client,
            chat,
            subject::events(partitions, chat),
        )
        .await?;
        self.wanted_heads
            .try_send(chat)
            .map_err(|_| "too many chats are being opened")?;
        Ok(opened)
    }

    fn on_unsubscribe(&mut self, chat: ChatId, id: SubscriberId) {
        let Some(known) = self.chats.get_mut(&chat) else {
            return;
        };
        if known.room.remove(id) {
            metrics::gauge!(metric::SUBSCRIPTIONS).decrement(1);
        }
        match &mut known.phase {
            // The answer about the head is under way and will find nobody waiting.
            Phase::Opening { waiting, .. } => waiting.retain(|subscriber| subscriber.id != id),
            Phase::Open(_) if known.room.is_empty() => self.close(chat),
            Phase::Open(_) => {}
        }
    }

    fn on_head(&mut self, chat: ChatId, head: HeadAnswer) {
        let Some(known) = self.chats.get_mut(&chat) else {
            return;
        };
        match (&mut known.phase, head) {
            (
                Phase::Opening {
                    waiting,
                    early,
                    newest,
                },
                Ok(head),
            ) => {
                let (waiting, early, newest) =
                    (std::mem::take(waiting), std::mem::take(early), *newest);
                known.phase = Phase::Open(Chain::new(head));
                for subscriber in waiting {
                    admit(&mut known.room, subscriber);
                }
                if known.room.is_empty() {
                    self.close(chat);
                    return;
                }
                for event in early {
                    self.on_event(chat, event);
                }
                self.on_told_head(chat, newest);
            }
            (Phase::Opening { waiting, .. }, Err(code)) => {
                for subscriber in &*waiting {
                    refuse(subscriber, chat, code);
                }
                self.close(chat);
            }
            (Phase::Open(_), Ok(head)) => self.on_told_head(chat, head),
            // After a reconnect: the beacons and the next event will show what is missing.
            (Phase::Open(_), Err(_)) => {}
        }
    }

    fn close(&mut self, chat: ChatId) {
        if self.chats.remove(&chat).is_some() {
            metrics::gauge!(metric::CHATS).decrement(1);
        }
    }

    fn on_payload(&mut self, chat: ChatId, payload: &bytes::Bytes) {
        metrics::counter!(metric::EVENTS_RECEIVED).increment(1);
        match Envelope::decode(payload) {
            Ok(event) => self.on_event(chat, event),
            Err(error) => {
                tracing::error!(chat.id = %chat, %error, "a message on an event subject cannot be read")
            }
        }
    }

    fn on_event(&mut self, chat: ChatId, event: Envelope) {
        let Some(known) = self.chats.get_mut(&chat) else {
            return;
        };
        match &mut known.phase {
            Phase::Opening { early, newest, .. } => {
                *newest = event.id.get().max(*newest);
                if early.len() == EARLY_MAX {
                    early.clear();
                }
                early.push(event);
            }
            Phase::Open(chain) => {
                let need = chain.on_event(event, &mut self.ready);
                self.deliver(chat);
                self.meet(chat, need);
            }
        }
    }

    fn on_told_head(&mut self, chat: ChatId, head: i64) {
        if let Some(Chat {
            phase: Phase::Open(chain),
            ..
        }) = self.chats.get_mut(&chat)
        {
            let need = chain.on_head(head);
            self.meet(chat, need);
        }
    }

    fn on_page(&mut self, chat: ChatId, page: Result<EventsPage, ErrorCode>) {
        self.pages_open -= 1;
        let Some(Chat {
            phase: Phase::Open(chain),
            ..
        }) = self.chats.get_mut(&chat)
        else {
            return;
        };
        let need = match page {
            Ok(page) => {
                let events = page
                    .events
                    .iter()
                    .map(shared::query::ChainedEvent::to_envelope)
                    .collect();
                chain.on_page(events, page.more, &mut self.ready)
            }
            Err(_) => chain.on_page_failed(),
        };
        self.deliver(chat);
        self.meet(chat, need);
    }

    fn deliver(&mut self, chat: ChatId) {
        let Some(known) = self.chats.get(&chat) else {
            return;
        };
        for event in self.ready.drain(..) {
            let span = event.traceparent.as_deref().map(|traceparent| {
                let span = tracing::info_span!("deliver", chat.id = %chat, event.id = %event.id);
                trace::continue_from(&span, traceparent);
                span
            });
            let _entered = span.as_ref().map(tracing::Span::enter);
            let delivered = known.room.deliver(chat, &event);
            metrics::counter!(metric::DELIVERIES).increment(delivered);
            if let Ok(event) = serde_json::from_slice::<ChatEvent>(&event.body) {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a measured time needs no 53 bits"
                )]
                let seconds = clock::now()
                    .micros()
                    .saturating_sub(event.event_time.micros())
                    .max(0) as f64
                    / 1e6;
                metrics::histogram!(metric::DELIVERY_SECONDS).record(seconds);
            }
        }
    }

    fn meet(&mut self, chat: ChatId, need: Need) {
        let Need::Page { after, again } = need else {
            return;
        };
        let mut not_before = Instant::now();
        if again {
            not_before += REPAIR_AGAIN;
        } else {
            metrics::counter!(metric::GAPS).increment(1);
            tracing::warn!(chat.id = %chat, event.id = after, "events after this one were missed; reading the history");
        }
        // At most one entry per chat: a chain asks for its next page only when it got the one before.
        self.wanted_pages.push_back(WantedPage {
            chat,
            after,
            not_before,
        });
    }

    fn on_tick(&mut self) {
        while let Some((told, _)) = self.told_heads.front()
            && told.elapsed() >= HEAD_GRACE
            && let Some((_, heads)) = self.told_heads.pop_front()
        {
            for (chat, head) in heads.iter() {
                self.on_told_head(*chat, *head);
            }
        }
    }

    fn read_pages(&mut self) {
        let now = Instant::now();
        while self.pages_open < PAGES_OPEN_MAX
            && let Some(ripe) = self
                .wanted_pages
                .iter()
                .position(|wanted| wanted.not_before <= now)
            && let Some(WantedPage { chat, after, .. }) = self.wanted_pages.remove(ripe)
        {
            self.pages_open += 1;
            let (client, pages) = (self.queries.client.clone(), self.pages.clone());
            self.life.spawn(async move {
                let page = questions::events(
                    &client,
                    &EventsRequest {
                        chat,
                        after,
                        limit: EVENTS_MAX,
                    },
                )
                .await;
                // The shard is gone only when the process ends.
                let _ = pages.send((chat, page)).await;
            });
        }
    }
}

fn admit(room: &mut Room, subscriber: Subscriber) {
    subscriber
        .session
        .push_answer(Answer::Subscribed(subscriber.id.subscription, Ok(())));
    metrics::gauge!(metric::SUBSCRIPTIONS).increment(1);
    room.add(subscriber);
}

fn refuse(subscriber: &Subscriber, chat: ChatId, code: ErrorCode) {
    let refusal = Refusal::for_subscription(code, chat);
    subscriber
        .session
        .push_answer(Answer::Subscribed(subscriber.id.subscription, Err(refusal)));
}
