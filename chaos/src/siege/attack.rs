//! What strangers do to a gateway.
//!
//! Two kinds: a `crowd` opens many sockets and keeps them, each doing as little as it can; the others come again and
//! again for a while, a few hands at a time, each with a `bomb`, or `flood`ing a session of its own. Every stranger
//! ends with a fate, in a word or two, and fates are counted.

mod bomb;
mod crowd;
mod door;
mod flood;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

/// Addresses that the attackers come from: enough that no bound on one address saves the gateway.
const ADDRESSES: usize = 20;

/// How often each fate was met.
pub type Tally = BTreeMap<String, u64>;

/// A way to attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Sockets on which nothing is said.
    Silence,
    /// Heads of requests, an octet at a time.
    SlowHeads,
    /// A WebSocket each, without CONNECT.
    NoConnect,
    /// Connections opened and dropped, as fast as can be.
    Knocking,
    /// Heads of requests with more headers than anybody needs, and longer ones.
    Headers,
    /// WebSocket messages and STOMP frames that are too large, endless or broken.
    Bombs,
    /// CONNECT with tokens that are none.
    ForgedTokens,
    /// SUBSCRIBE as fast as can be.
    Subscribing,
    /// SEND as fast as can be.
    Sending,
}

impl Attack {
    /// All of them, in the order in which they are carried out.
    pub const ALL: [Self; 9] = [
        Self::Silence,
        Self::SlowHeads,
        Self::NoConnect,
        Self::Knocking,
        Self::Headers,
        Self::Bombs,
        Self::ForgedTokens,
        Self::Subscribing,
        Self::Sending,
    ];

    /// In a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silence => "silent sockets",
            Self::SlowHeads => "slow heads (slow loris)",
            Self::NoConnect => "WebSockets without CONNECT",
            Self::Knocking => "connections opened and dropped",
            Self::Headers => "header floods",
            Self::Bombs => "frame bombs",
            Self::ForgedTokens => "forged tokens",
            Self::Subscribing => "subscription floods",
            Self::Sending => "SEND floods",
        }
    }
}

/// Who attacks.
#[derive(Debug, Clone)]
pub struct Attacker {
    /// Whom.
    pub gateway: SocketAddr,
    /// A token of their own: strangers may have an account.
    pub token: String,
    /// Whose it is.
    pub user: i64,
    /// Sockets of a crowd.
    pub sockets: usize,
    /// Hands at work at the same time.
    pub hands: usize,
    /// How long what would go on for ever goes on.
    pub period: Duration,
}

impl Attacker {
    /// Attacks, until everybody has met a fate.
    pub async fn carry_out(&self, attack: Attack) -> Tally {
        match attack {
            Attack::Silence => self.crowd(crowd::say_nothing).await,
            Attack::SlowHeads => self.crowd(crowd::dawdle).await,
            Attack::NoConnect => self.crowd(crowd::never_connect).await,
            Attack::Knocking => self.again_and_again(bomb::knock).await,
            Attack::Headers => self.again_and_again(bomb::headers).await,
            Attack::Bombs => self.again_and_again(bomb::frames).await,
            Attack::ForgedTokens => self.again_and_again(bomb::forged_token).await,
            Attack::Subscribing => self.again_and_again(flood::subscribe).await,
            Attack::Sending => self.again_and_again(flood::send).await,
        }
    }

    /// Many at once, each once.
    async fn crowd<F>(&self, deed: impl Fn(Self, usize) -> F) -> Tally
    where
        F: Future<Output = String> + Send + 'static,
    {
        let mut all = JoinSet::new();
        for number in 0..self.sockets {
            all.spawn(deed(self.clone(), number));
            if number % crowd::AT_ONCE == 0 {
                tokio::time::sleep(crowd::INTERVAL).await;
            }
        }
        let mut tally = Tally::new();
        while let Some(fate) = all.join_next().await {
            *tally
                .entry(fate.unwrap_or_else(|_| "a fault of the attacker's".into()))
                .or_default() += 1;
        }
        tally
    }

    /// A few at once, for a while.
    async fn again_and_again<F>(
        &self,
        deed: impl Fn(Self, usize) -> F + Copy + Send + Sync + 'static,
    ) -> Tally
    where
        F: Future<Output = Tally> + Send + 'static,
    {
        let until = Instant::now() + self.period;
        let mut hands = JoinSet::new();
        for hand in 0..self.hands {
            let this = self.clone();
            hands.spawn(async move {
                let mut tally = Tally::new();
                let mut number = hand;
                while Instant::now() < until {
                    add(&mut tally, deed(this.clone(), number).await);
                    number += this.hands;
                }
                tally
            });
        }
        let mut tally = Tally::new();
        while let Some(more) = hands.join_next().await {
            add(
                &mut tally,
                more.unwrap_or_else(|_| once("a fault of the attacker's")),
            );
        }
        tally
    }
}

/// Nobody attacks for a while.
pub async fn calm(period: Duration) -> Tally {
    tokio::time::sleep(period).await;
    Tally::new()
}

fn once(fate: impl Into<String>) -> Tally {
    Tally::from([(fate.into(), 1)])
}

fn add(tally: &mut Tally, more: Tally) {
    for (fate, times) in more {
        *tally.entry(fate).or_default() += times;
    }
}
