//! A client that sends commands until each one's fate is known.
//!
//! Mostly it sends one at a time, at times several one behind the other, whose order must be kept.
//!
//! It does what the contract tells clients to do: what got no answer, or OUTCOME_UNKNOWN, is repeated with the
//! same `idempotency-key`, on any gateway. Now and then it does not bother and goes on; such a command's fate is
//! found out at the end. Now and then it repeats a command whose fate is known, which must not change it.

mod line;
mod wish;

use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use shared::command::CommandId;
use shared::event::EventType;
use shared::id::UserId;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::line::Line;
use self::wish::{Answer, Wish, is_about_now};
use crate::evidence::{Fate, Moments, Sent};
use crate::stomp::Session;
use crate::tally::{Count, Tally};
use crate::violation::Violation;

/// Wait between two commands.
const PAUSE_MS: Range<u64> = 10..80;
/// Wait before something is tried again.
const AGAIN_MS: Range<u64> = 50..300;
/// Longest time to find out what became of a command, once everything runs.
const SETTLE_MAX: Duration = Duration::from_mins(2);
/// Share of commands of unknown outcome that are left alone until the end, in percent.
const LEFT_ALONE_PERCENT: u32 = 10;
/// Share of rounds in which several commands go out at once, in percent, and how many then do.
const BURST_PERCENT: u32 = 10;
const BURST_COMMANDS: RangeInclusive<usize> = 2..=6;
/// Share of rounds after which its session is simply gone, as when a browser tab is closed, in percent.
const GONE_PERCENT: u32 = 1;
/// Share of commands of known outcome that are repeated, in percent.
const CHECKED_PERCENT: u32 = 3;

/// A sender and what it knows.
pub struct Sender {
    user: i64,
    chats: Vec<i64>,
    rng: StdRng,
    moments: Arc<Moments>,
    tally: Arc<Tally>,
    line: Line,
}

/// What it leaves behind.
pub struct Finished {
    /// All its commands.
    pub sent: Vec<Sent>,
    /// Its session, for whoever wants it to go on living.
    pub session: Option<Session>,
}

/// A command that was sent and whose fate is left open.
struct LeftAlone;

impl Sender {
    /// A sender that speaks for `user` in these chats, through any of the gateways. It has not connected yet.
    pub fn new(
        user: i64,
        chats: Vec<i64>,
        gateways: Vec<SocketAddr>,
        rng: StdRng,
        moments: Arc<Moments>,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            user,
            chats,
            rng,
            moments,
            line: Line::new(user, gateways, Arc::clone(&tally)),
            tally,
        }
    }

    /// Sends until told to stop, then finds out what became of the rest.
    pub async fn run(mut self, stop: CancellationToken) -> Finished {
        let (mut sent, mut open) = (Vec::new(), Vec::new());
        for number in 0_u64.. {
            if stop.is_cancelled() {
                break;
            }
            let mut wishes = vec![self.next_wish(&number.to_string())];
            let mut may_have_arrived = false;
            if self.dice(BURST_PERCENT) {
                may_have_arrived = self.burst(&mut wishes, &mut sent).await;
            }
            for wish in wishes {
                match self.carry_out(&wish, may_have_arrived, &stop).await {
                    Some(Ok(fate)) => sent.push(self.record(&wish, fate)),
                    Some(Err(LeftAlone)) => open.push(wish),
                    None => {}
                }
            }
            if self.dice(GONE_PERCENT) {
                drop(self.line.take());
            }
            self.pause(PAUSE_MS).await;
        }
        for wish in open {
            match self.settle(&wish).await {
                Some(fate) => sent.push(self.record(&wish, fate)),
                None => self.tally.violated(Violation::NotTold(format!(
                    "{} of user {} in chat {}, key {}, has no outcome {SETTLE_MAX:?} after the last fault",
                    wish.kind, self.user, wish.chat, wish.key
                ))),
            }
        }
        let session = self.line.take();
        Finished { sent, session }
    }

    /// Sends one command of this kind in each chat, until its fate is known.
    pub async fn send_everywhere(&mut self, kind: EventType) -> Vec<Sent> {
        let mut sent = Vec::new();
        for chat in self.chats.clone() {
            let mut wish = self.next_wish(&format!("first-{chat}"));
            (wish.chat, wish.kind) = (chat, kind);
            self.tally.count(Count::Commands);
            if let Some(fate) = self.settle(&wish).await {
                sent.push(self.record(&wish, fate));
            }
        }
        sent
    }

    fn next_wish(&mut self, name: &str) -> Wish {
        Wish {
            key: format!("chaos-{}-{name}", self.user),
            chat: *self.chats.choose(&mut self.rng).expect("there are chats"),
            kind: match self.rng.random_range(0..100) {
                0..30 => EventType::Join,
                30..55 => EventType::Leave,
                55..82 => EventType::StartTyping,
                _ => EventType::StopTyping,
            },
            begun: self.moments.next(),
        }
    }

    fn record(&self, wish: &Wish, fate: Fate) -> Sent {
        let author = UserId::try_from(self.user).expect("users are numbered from 1");
        if fate == Fate::Receipt {
            self.tally.count(Count::Receipts);
        }
        Sent {
            command: CommandId::from_key(author, &wish.key),
            author: self.user,
            chat: wish.chat,
            kind: wish.kind,
            begun: wish.begun,
            known: self.moments.next(),
            fate,
            burst: None,
        }
    }

    /// Sends the first of `wishes` and more behind it in the same chat. Those whose fate becomes known at once go
    /// to `sent`, the others stay in `wishes`. Returns whether those may have arrived.
    async fn burst(&mut self, wishes: &mut Vec<Wish>, sent: &mut Vec<Sent>) -> bool {
        for index in 1..self.rng.random_range(BURST_COMMANDS) {
            let mut wish = self.next_wish("");
            wish.chat = wishes[0].chat;
            wish.key = format!("{}-{index}", wishes[0].key);
            wishes.push(wish);
        }
        let answers = self.line.ask(wishes, &mut self.rng).await;
        if answers.contains(&Answer::NotSent) {
            wishes.truncate(1);
            return false;
        }
        let burst = Some(self.moments.next());
        for (wish, answer) in std::mem::take(wishes).into_iter().zip(answers) {
            self.tally.count(Count::Commands);
            self.tally.count(Count::InBursts);
            match answer.fate(false) {
                Some(fate) => {
                    let record = self.record(&wish, fate);
                    sent.push(Sent { burst, ..record });
                }
                None => wishes.push(wish),
            }
        }
        true
    }

    /// Sends a command until its fate is known or it is left for later. `None`: it was never sent. `sent`: it may
    /// have arrived before.
    async fn carry_out(
        &mut self,
        wish: &Wish,
        mut sent: bool,
        stop: &CancellationToken,
    ) -> Option<Result<Fate, LeftAlone>> {
        loop {
            let answer = self.attempt(wish).await;
            if !sent && answer != Answer::NotSent {
                self.tally.count(Count::Commands);
            }
            if let Some(fate) = answer.fate(sent) {
                self.check_at_times(wish, fate).await;
                return Some(Ok(fate));
            }
            sent |= answer != Answer::NotSent;
            if stop.is_cancelled() || (sent && self.dice(LEFT_ALONE_PERCENT)) {
                return sent.then_some(Err(LeftAlone));
            }
            if sent {
                self.tally.count(Count::Repetitions);
            }
            self.pause(AGAIN_MS).await;
        }
    }

    /// Repeats a command until its fate is known.
    async fn settle(&mut self, wish: &Wish) -> Option<Fate> {
        let deadline = Instant::now() + SETTLE_MAX;
        while Instant::now() < deadline {
            // As if it had been sent before: a mere UNAVAILABLE says nothing about the first time.
            if let Some(fate) = self.attempt(wish).await.fate(true) {
                return Some(fate);
            }
            self.pause(AGAIN_MS).await;
        }
        None
    }

    /// Now and then repeats a command of known fate: it must get the same again.
    async fn check_at_times(&mut self, wish: &Wish, fate: Fate) {
        if matches!(fate, Fate::Refused(code) if is_about_now(code)) || !self.dice(CHECKED_PERCENT)
        {
            return;
        }
        self.tally.count(Count::Checks);
        if let Some(then) = self.settle(wish).await
            && then != fate
        {
            let sent = self.record(wish, fate);
            let changed = Violation::ChangedOutcome { sent, then };
            self.tally.violated(changed);
        }
    }

    async fn attempt(&mut self, wish: &Wish) -> Answer {
        let answers = self
            .line
            .ask(std::slice::from_ref(wish), &mut self.rng)
            .await;
        answers[0]
    }

    fn dice(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    async fn pause(&mut self, range: Range<u64>) {
        sleep(Duration::from_millis(self.rng.random_range(range))).await;
    }
}
