//! A server, its clients, what feeds it, and the books on both: where every scenario plays.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::crowd::{Audience, Crowd, Role};
use crate::delivered::Delivered;
use crate::dialect::Wish;
use crate::feed::Feed;
use crate::ledger::{Faults, Ledger, chat_id};
use crate::receipts::Receipts;
use crate::server::Server;

/// Longest wait for all clients to be subscribed.
const ASSEMBLE_MAX: Duration = Duration::from_mins(2);
/// Longest wait for the last events to reach everybody.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// Longest wait in one turn, so that what is due by time is not late.
const TURN_MAX: Duration = Duration::from_millis(20);
/// Between two events that only find out whether everybody hears.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// How a client connects.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way {
    /// See [`Role::receive_octets`].
    pub receive_octets: Option<usize>,
    /// See [`Role::is_ahead`].
    pub is_ahead: bool,
}

/// Everything one scenario moves.
pub struct Stage {
    /// Who is measured.
    pub server: Server,
    /// Its clients.
    pub crowd: Crowd,
    /// Where its events come from.
    pub feed: Feed,
    /// The books on events.
    pub ledger: Ledger,
    /// The books on receipts.
    pub receipts: Receipts,
}

impl Stage {
    /// Subscribes so many clients to each chat.
    pub fn open(server: Server, subscribers: &[usize]) -> anyhow::Result<Self> {
        let mut stage = Self::empty(server, subscribers.len())?;
        let chats: Vec<usize> = subscribers
            .iter()
            .enumerate()
            .flat_map(|(chat, count)| std::iter::repeat_n(chat, *count))
            .collect();
        stage.subscribe(&chats)?;
        Ok(stage)
    }

    /// Nobody is there yet.
    pub fn empty(server: Server, chats: usize) -> anyhow::Result<Self> {
        let mut crowd = Crowd::new(server.address, server.dialect.clone())?;
        let ledger = Ledger::new(chats).numbered_in_cycles_of(server.feed.cycle());
        let feed = Feed::open(server.feed, &mut crowd, chats)?.watched_by(&crowd)?;
        Ok(Self {
            server,
            crowd,
            feed,
            ledger,
            receipts: Receipts::default(),
        })
    }

    /// One more client for each entry, which names its chat. All are subscribed when this returns.
    pub fn subscribe(&mut self, chats: &[usize]) -> anyhow::Result<()> {
        self.subscribe_in(chats, Way::default())
    }

    /// The same, in this way.
    pub fn subscribe_in(&mut self, chats: &[usize], way: Way) -> anyhow::Result<()> {
        let deadline = Instant::now() + ASSEMBLE_MAX;
        let target = self.crowd.ready() + chats.len();
        let mut chats = chats.iter();
        loop {
            let room = self.crowd.room_for_handshakes();
            for chat in chats.by_ref().take(room) {
                self.start(*chat, way)?;
            }
            if self.crowd.ready() >= target {
                break;
            }
            if Instant::now() > deadline {
                bail!(
                    "only {} of {target} clients are subscribed after {ASSEMBLE_MAX:?}",
                    self.crowd.ready()
                );
            }
            self.turn()?;
            let refused = self.ledger.faults(false).refused;
            if refused > 0 {
                bail!(
                    "{refused} clients were not let in: {}",
                    self.ledger.first_refusal()
                );
            }
        }
        if !self.crowd.dialect().confirms() {
            self.probe()?;
        }
        Ok(())
    }

    /// Starts a client of a chat; it is subscribed some turns later.
    pub fn start(&mut self, chat: usize, way: Way) -> anyhow::Result<usize> {
        let wish = Wish {
            chat: Some(chat_id(chat)),
            after: None,
        };
        let client = self.crowd.start(Role {
            wish,
            receive_octets: way.receive_octets,
            is_ahead: way.is_ahead,
        })?;
        let anywhere = !self.crowd.dialect().confirms();
        self.ledger.subscribe(client, chat, anywhere);
        Ok(client)
    }

    /// A client that was dismissed comes back as another one, after the last event it saw.
    pub fn come_back(&mut self, former: usize) -> anyhow::Result<()> {
        let Some((chat, last)) = self.ledger.left_at(former) else {
            bail!("client {former} is there");
        };
        let wish = Wish {
            chat: Some(chat_id(chat)),
            after: Some(last),
        };
        let client = self.crowd.start(Role {
            wish,
            ..Role::default()
        })?;
        self.ledger.resume(client, former);
        Ok(())
    }

    /// Publishes until every client has heard something, for servers that do not say when a subscription is in
    /// force.
    fn probe(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + DRAIN_MAX;
        let mut next = Instant::now();
        while !self.ledger.all_hear() {
            let now = Instant::now();
            if now > deadline {
                bail!("not everybody hears anything after {DRAIN_MAX:?}");
            }
            if now >= next {
                next = now + PROBE_INTERVAL;
                for chat in 0..self.ledger.chats() {
                    self.publish(chat);
                }
            }
            self.turn()?;
        }
        self.drain()
    }

    /// Publishes an event of a chat; it leaves with the next turn.
    pub fn publish(&mut self, chat: usize) {
        let sequence = self.ledger.publish(chat, Instant::now());
        self.feed
            .publish(&mut self.crowd, &mut self.receipts, chat, sequence);
    }

    /// Sends what was published, waits for something to happen, and handles it.
    pub fn turn(&mut self) -> anyhow::Result<()> {
        self.turn_until(Instant::now() + TURN_MAX)
    }

    /// The same, but waits no longer than until `at`.
    pub fn turn_until(&mut self, at: Instant) -> anyhow::Result<()> {
        self.feed.flush(&mut self.crowd)?;
        let wait = at.saturating_duration_since(Instant::now()).min(TURN_MAX);
        let mut books = Books(&mut self.ledger, &mut self.receipts);
        if self.crowd.turn(wait, &mut books)? {
            self.feed
                .on_ready(&self.ledger)
                .context("what feeds the server failed")?;
        }
        self.feed.on_time(Instant::now())
    }

    /// Begins to count and time, or stops.
    pub fn record(&mut self, on: bool) {
        self.ledger.record(on);
        self.receipts.record(on);
    }

    /// Whether nothing is on its way.
    pub fn is_quiet(&self) -> bool {
        self.ledger.is_quiet() && self.receipts.is_quiet()
    }

    /// What went wrong. Nothing more will come: what has not come is lost.
    pub fn faults(&self) -> Faults {
        let mut faults = self.ledger.faults(true);
        self.receipts.add_faults(&mut faults);
        faults
    }

    /// Waits until everything published has reached everybody. What has not by then counts as lost. Nothing follows
    /// what was completed: whoever keeps events on their way begins anew, with as many as are wanted.
    pub fn drain(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + DRAIN_MAX;
        while !self.is_quiet() && Instant::now() < deadline {
            self.turn()?;
        }
        self.ledger.take_completed(&mut Vec::new());
        Ok(())
    }
}

/// Both books together: what clients hear goes into one or the other.
struct Books<'a>(&'a mut Ledger, &'a mut Receipts);

impl Audience for Books<'_> {
    fn delivered(&mut self, client: usize, event: Delivered, now: Instant) {
        self.0.delivered(client, event, now);
    }

    fn heard(&mut self, client: usize, message: &[u8], now: Instant) {
        self.1.heard(client, message, now);
    }

    fn lost(&mut self, client: usize, why: &str) {
        self.0.refused(client, why);
    }
}
