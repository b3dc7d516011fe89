//! A client that watches chats, goes away and comes back, and writes down every event it gets.
//!
//! After each absence, wanted or not, it subscribes with `last-event-id` on any gateway. What it writes down is
//! one sequence per chat over all its sessions, which in the end must be what the database holds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use shared::event::ChatEvent;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::evidence::{Seen, Witness};
use crate::stomp::{Frame, Lost, Session};
use crate::tally::{Count, Tally};
use crate::violation::Violation;

/// How long it stays.
const STAY_MS: std::ops::Range<u64> = 4_000..25_000;
/// How long it then stays away: at times so long that the gateways' recent events do not reach back.
const AWAY_MS: std::ops::Range<u64> = 0..12_000;
/// Wait before a refused subscription or a failed connection is tried again.
const AGAIN_MS: std::ops::Range<u64> = 50..300;
/// Share of absences that begin with a DISCONNECT, in percent; the others are simply gone.
const POLITE_PERCENT: u32 = 30;
/// How long it goes on watching when it has seen everything: for what should not come.
const LINGER: Duration = Duration::from_secs(1);

/// By chat, the event to be seen last.
pub type Heads = BTreeMap<i64, i64>;

/// A subscriber at work.
pub struct Subscriber {
    name: String,
    gateways: Vec<SocketAddr>,
    rng: StdRng,
    tally: Arc<Tally>,
    chats: BTreeMap<i64, Following>,
    subscriptions: u64,
    connected: u64,
    /// What it has seen last in each chat, for those who wait for that.
    progress: watch::Sender<Heads>,
}

#[derive(Default)]
struct Following {
    seen: Vec<Seen>,
    last: i64,
    /// The subscription in force, and its receipt until that has come.
    subscription: String,
    receipt: Option<String>,
}

/// What ended a session.
enum End {
    /// It was time to go.
    Away,
    /// Nothing more is to come.
    Done,
}

impl Subscriber {
    /// One that has seen nothing yet.
    pub fn new(
        name: String,
        chats: &[i64],
        gateways: Vec<SocketAddr>,
        rng: StdRng,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            name,
            gateways,
            rng,
            tally,
            chats: chats
                .iter()
                .map(|chat| (*chat, Following::default()))
                .collect(),
            subscriptions: 0,
            connected: 0,
            progress: watch::Sender::new(Heads::new()),
        }
    }

    /// What it has seen last in each chat.
    pub fn progress(&self) -> watch::Receiver<Heads> {
        self.progress.subscribe()
    }

    /// Watches until it is told what comes last and has seen it, or until that takes too long.
    pub async fn run(mut self, finish: watch::Receiver<Option<(Heads, Instant)>>) -> Witness {
        loop {
            let deadline = finish.borrow().as_ref().map(|(_, deadline)| *deadline);
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                break;
            }
            let gateway = *self
                .gateways
                .choose(&mut self.rng)
                .expect("there are gateways");
            let mut session = match Session::connect(gateway).await {
                Ok(session) => session,
                Err(lost) => {
                    self.lost(lost);
                    self.pause(AGAIN_MS).await;
                    continue;
                }
            };
            if self.connected > 0 {
                self.tally.count(Count::Reconnects);
            }
            self.connected += 1;
            match self.watch(&mut session, finish.clone()).await {
                Ok(End::Done) => break,
                Ok(End::Away) => {
                    if self.rng.random_range(0..100) < POLITE_PERCENT {
                        session.disconnect().await;
                    } else {
                        drop(session);
                    }
                    self.pause(AWAY_MS).await;
                }
                Err(lost) => {
                    self.lost(lost);
                    self.pause(AGAIN_MS).await;
                }
            }
        }
        let chats = self
            .chats
            .into_iter()
            .map(|(chat, following)| (chat, following.seen));
        Witness {
            name: self.name,
            chats: chats.collect(),
        }
    }

    /// One session.
    async fn watch(
        &mut self,
        session: &mut Session,
        mut finish: watch::Receiver<Option<(Heads, Instant)>>,
    ) -> Result<End, Lost> {
        for chat in self.chats.keys().copied().collect::<Vec<_>>() {
            self.subscribe(session, chat).await?;
        }
        let mut until = Instant::now() + self.millis(STAY_MS);
        loop {
            let finishing = finish.borrow_and_update().clone();
            if let Some((heads, deadline)) = &finishing {
                let complete = self
                    .chats
                    .values()
                    .all(|following| following.receipt.is_none())
                    && heads.iter().all(|(chat, head)| self.last(*chat) >= *head);
                until = if complete {
                    Instant::now() + LINGER
                } else {
                    *deadline
                };
            }
            tokio::select! {
                frame = session.next() => self.on_frame(session, &frame?).await?,
                () = sleep_until(until) => match finishing {
                    Some(_) => return Ok(End::Done),
                    None if self.can_resume() => return Ok(End::Away),
                    None => until = Instant::now() + self.millis(STAY_MS),
                },
                changed = finish.changed() => if changed.is_err() {
                    return Ok(End::Done);
                },
            }
        }
    }

    /// Whether it has an event of every chat to resume from.
    fn can_resume(&self) -> bool {
        self.chats.values().all(|following| following.last > 0)
    }

    fn last(&self, chat: i64) -> i64 {
        self.chats.get(&chat).map_or(0, |following| following.last)
    }

    async fn subscribe(&mut self, session: &mut Session, chat: i64) -> Result<(), Lost> {
        self.subscriptions += 1;
        let Some(following) = self.chats.get_mut(&chat) else {
            return Ok(());
        };
        following.subscription = format!("s{}", self.subscriptions);
        let receipt = format!("r{}", self.subscriptions);
        let (destination, last) = (
            format!("/countries/{chat}/events"),
            following.last.to_string(),
        );
        let mut headers = vec![
            ("id", following.subscription.as_str()),
            ("destination", &destination),
            ("receipt", &receipt),
        ];
        if following.last > 0 {
            self.tally.count(Count::Resumes);
            headers.push(("last-event-id", &last));
        }
        let sent = session.send("SUBSCRIBE", &headers, "").await;
        following.receipt = Some(receipt);
        sent
    }

    async fn on_frame(&mut self, session: &mut Session, frame: &Frame) -> Result<(), Lost> {
        if let Some(receipt) = frame.header("receipt-id") {
            let mut chats = self.chats.iter_mut();
            let answered =
                chats.find(|(_, following)| following.receipt.as_deref() == Some(receipt));
            let Some((&chat, following)) = answered else {
                return Ok(());
            };
            following.receipt = None;
            if frame.command == "RECEIPT" {
                let last = following.last;
                self.progress
                    .send_modify(|seen| _ = seen.insert(chat, last));
                return Ok(());
            }
            return self.refused(session, chat, frame).await;
        }
        match serde_json::from_str::<ChatEvent>(&frame.body) {
            Ok(event) if frame.command == "MESSAGE" => self.on_event(frame, &event),
            _ => return Err(Lost::Protocol(format!("{frame:?}"))),
        }
        Ok(())
    }

    async fn refused(
        &mut self,
        session: &mut Session,
        chat: i64,
        frame: &Frame,
    ) -> Result<(), Lost> {
        let code = frame.error_code();
        match code.as_deref() {
            Some("UNAVAILABLE") => {
                self.tally.refused("SUBSCRIBE UNAVAILABLE");
                self.pause(AGAIN_MS).await;
            }
            Some("HISTORY_GONE") => {
                let (subscriber, last) = (self.name.clone(), self.last(chat));
                self.tally.violated(Violation::HistoryGone {
                    subscriber,
                    chat,
                    last,
                });
            }
            _ => return Err(Lost::Protocol(format!("an answer to SUBSCRIBE: {frame:?}"))),
        }
        self.subscribe(session, chat).await
    }

    fn on_event(&mut self, frame: &Frame, event: &ChatEvent) {
        let (id, chat) = (event.id.get(), event.chat_id.get());
        let Some(following) = self.chats.get_mut(&chat) else {
            return self.protocol(format!("an event of a chat it does not watch: {frame:?}"));
        };
        following.seen.push(Seen {
            id,
            author: event.author_id.get(),
            kind: event.event_type,
        });
        let (last, resuming) = (
            following.last,
            following.receipt.is_some() && following.last > 0,
        );
        following.last = last.max(id);
        let stray = frame.header("subscription") != Some(&following.subscription);
        let misnamed = frame.header("message-id") != Some(&id.to_string());
        self.tally.delivered();
        if resuming {
            self.tally.count(Count::Resumed);
        }
        self.progress
            .send_modify(|seen| _ = seen.insert(chat, last.max(id)));
        if id <= last {
            // Judged at the end; noted now for the time.
            self.tally.note(&format_args!(
                "{}: event {id} after {last} in chat {chat}",
                self.name
            ));
        }
        if stray || misnamed {
            self.protocol(format!("an event of no subscription in force: {frame:?}"));
        }
    }

    fn lost(&self, lost: Lost) {
        if let Lost::Protocol(what) = lost {
            self.protocol(what);
        }
    }

    fn protocol(&self, what: String) {
        let client = self.name.clone();
        self.tally.violated(Violation::Protocol { client, what });
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.random_range(range))
    }

    async fn pause(&mut self, range: std::ops::Range<u64>) {
        let wait = self.millis(range);
        sleep(wait).await;
    }
}
