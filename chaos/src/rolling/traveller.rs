//! A client of the kind that a deploy must not trouble: follows a chat, perhaps sends, comes back when it is closed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::command::CommandId;
use shared::event::ChatEvent;
use shared::id::UserId;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::balancer::Balancer;
use crate::stomp::{Frame, Lost, Session};
use crate::subscriber::Heads;

/// What each sender sends, over and over.
const ROUND: [&str; 4] = ["joinChat", "startTyping", "stopTyping", "leaveChat"];

/// Wait after a connection that could not be made.
const AGAIN: Duration = Duration::from_millis(100);

/// How far the clients are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Those that have seen an event.
    pub warm: usize,
    /// Senders that stopped and have their last answer.
    pub settled: usize,
}

/// How travellers and their guide talk.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Senders stop.
    pub stop_sending: CancellationToken,
    /// The last event of each chat, after which a traveller is done.
    pub heads: watch::Sender<Option<Heads>>,
    progress: watch::Sender<Progress>,
}

impl Signals {
    /// Nothing said yet.
    pub fn new() -> (Self, watch::Receiver<Progress>) {
        let (progress, seen) = watch::channel(Progress::default());
        let signals = Self {
            stop_sending: CancellationToken::new(),
            heads: watch::Sender::new(None),
            progress,
        };
        (signals, seen)
    }
}

/// A close that was announced, and the return.
#[derive(Debug, Clone)]
pub struct Close {
    /// Whose.
    pub gateway: SocketAddr,
    /// When it came.
    pub at: Instant,
    /// Its code and reason.
    pub code: u16,
    /// In words.
    pub reason: String,
    /// When the next session stood.
    pub back: Instant,
}

/// What a traveller has to tell.
#[derive(Debug, Clone)]
pub struct Journey {
    /// Its chat.
    pub chat: i64,
    /// The events it saw, in the order in which they came.
    pub seen: Vec<i64>,
    /// How its sessions were closed.
    pub closes: Vec<Close>,
    /// Commands that got their RECEIPT.
    pub receipts: Vec<CommandId>,
    /// Everything else that it noticed.
    pub troubles: Vec<String>,
}

/// A traveller.
pub struct Traveller {
    user: i64,
    sends: bool,
    pace: Duration,
    journey: Journey,
    subscriptions: u64,
    /// Number of the command under way, or of the next one.
    command: usize,
    under_way: bool,
    settled: bool,
}

impl Traveller {
    /// One that has seen nothing yet.
    pub fn new(user: i64, chat: i64, sends: bool, pace: Duration) -> Self {
        let journey = Journey {
            chat,
            seen: Vec::new(),
            closes: Vec::new(),
            receipts: Vec::new(),
            troubles: Vec::new(),
        };
        Self {
            user,
            sends,
            pace,
            journey,
            subscriptions: 0,
            command: 0,
            under_way: false,
            settled: false,
        }
    }

    /// Travels until it is told what comes last and has seen it.
    pub async fn run(mut self, balancer: Arc<Balancer>, signals: Signals) -> Journey {
        let mut closed: Option<(SocketAddr, Instant, u16, String)> = None;
        loop {
            let gateway = balancer.pick();
            let mut session = match Session::connect(gateway).await {
                Ok(session) => session,
                Err(lost) => {
                    self.journey.troubles.push(format!("no session: {lost:?}"));
                    sleep(AGAIN).await;
                    continue;
                }
            };
            if let Some((gateway, at, code, reason)) = closed.take() {
                let back = Instant::now();
                self.journey.closes.push(Close {
                    gateway,
                    at,
                    code,
                    reason,
                    back,
                });
            }
            match self.stay(&mut session, &signals).await {
                Ok(()) => {
                    session.disconnect().await;
                    return self.journey;
                }
                Err(Lost::Closed { code, reason }) => {
                    closed = Some((gateway, Instant::now(), code, reason.clone()));
                    sleep(hint(&reason).unwrap_or(AGAIN)).await;
                }
                Err(lost) => {
                    self.journey.troubles.push(format!("{lost:?}"));
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// One session, until there is nothing more to see.
    async fn stay(&mut self, session: &mut Session, signals: &Signals) -> Result<(), Lost> {
        self.subscribe(session).await?;
        if self.under_way {
            // Closed before its answer: the same key has it take effect once.
            self.send(session).await?;
        }
        let mut heads = signals.heads.subscribe();
        let mut tick = interval(self.pace);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopped = signals.stop_sending.is_cancelled();
            if self.sends && stopped && !self.under_way && !self.settled {
                self.settled = true;
                signals.progress.send_modify(|now| now.settled += 1);
            }
            let last = heads.borrow_and_update().as_ref().map(|heads| {
                let last = heads.get(&self.journey.chat);
                last.copied().unwrap_or_default()
            });
            if last.is_some_and(|last| self.last() >= last) {
                return Ok(());
            }
            tokio::select! {
                frame = session.next() => self.on_frame(&frame?, signals),
                _ = tick.tick(), if self.sends && !self.under_way && !stopped => {
                    self.under_way = true;
                    self.send(session).await?;
                }
                () = signals.stop_sending.cancelled(), if !stopped => {}
                _ = heads.changed() => {}
            }
        }
    }

    fn last(&self) -> i64 {
        self.journey.seen.last().copied().unwrap_or_default()
    }

    async fn subscribe(&mut self, session: &mut Session) -> Result<(), Lost> {
        self.subscriptions += 1;
        let destination = format!("/countries/{}/events", self.journey.chat);
        let (id, last) = (format!("s{}", self.subscriptions), self.last().to_string());
        let mut headers = vec![("id", id.as_str()), ("destination", &destination)];
        if self.last() > 0 {
            headers.push(("last-event-id", &last));
        }
        session.send("SUBSCRIBE", &headers, "").await
    }

    async fn send(&mut self, session: &mut Session) -> Result<(), Lost> {
        let destination = format!("/chat/events.{}", ROUND[self.command % ROUND.len()]);
        let key = self.command.to_string();
        let headers = [
            ("destination", destination.as_str()),
            ("receipt", &key),
            ("idempotency-key", &key),
        ];
        let body = serde_json::json!({ "authorId": self.user, "chatId": self.journey.chat });
        session.send("SEND", &headers, &body.to_string()).await
    }

    fn on_frame(&mut self, frame: &Frame, signals: &Signals) {
        let is_event = frame
            .header("destination")
            .is_some_and(|destination| destination.starts_with("/countries/"));
        match (frame.command.as_str(), is_event) {
            ("MESSAGE", true) => self.on_event(frame, signals),
            ("RECEIPT", _) => {
                if frame.header("receipt-id") == Some(&self.command.to_string()) {
                    self.journey.receipts.push(self.command_id());
                    self.command += 1;
                    self.under_way = false;
                } else {
                    self.trouble(frame);
                }
            }
            _ => {
                self.trouble(frame);
                if frame.header("receipt-id").is_some() {
                    self.command += 1;
                    self.under_way = false;
                }
            }
        }
    }

    fn command_id(&self) -> CommandId {
        let author = UserId::try_from(self.user).expect("travellers are numbered from 1");
        CommandId::from_key(author, &self.command.to_string())
    }

    fn on_event(&mut self, frame: &Frame, signals: &Signals) {
        match serde_json::from_str::<ChatEvent>(&frame.body) {
            Ok(event) if event.id.get() > self.last() => {
                if self.journey.seen.is_empty() {
                    signals.progress.send_modify(|now| now.warm += 1);
                }
                self.journey.seen.push(event.id.get());
            }
            _ => self.trouble(frame),
        }
    }

    fn trouble(&mut self, frame: &Frame) {
        self.journey.troubles.push(format!("{frame:?}"));
    }
}

/// The delay that a close asks for.
pub(super) fn hint(reason: &str) -> Option<Duration> {
    let (_, rest) = reason.split_once("reconnect in ")?;
    let millis = rest.strip_suffix(" ms")?.parse().ok()?;
    Some(Duration::from_millis(millis))
}
