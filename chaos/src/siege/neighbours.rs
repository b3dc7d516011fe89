//! Two honest clients who talk to each other, and the newcomers beside them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::stomp::{Frame, Lost, Session};

/// Time between two commands: below the rate that a session may have.
const PACE: Duration = Duration::from_millis(25);
/// Time between two newcomers.
const NEWCOMER_INTERVAL: Duration = Duration::from_millis(250);
/// Longest wait for what is on its way at the end: no attack is an excuse for more.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// One who sends, one who follows, and the account that newcomers knock with.
pub struct Neighbours {
    gateway: SocketAddr,
    token: String,
    writer: Session,
    reader: Session,
    author: i64,
    chat: i64,
    sent: u64,
    last_event: i64,
}

/// What they saw.
#[derive(Debug, Default)]
pub struct Observation {
    /// Commands sent.
    pub commands: usize,
    /// From a command to its RECEIPT.
    pub receipts: Vec<Duration>,
    /// From a command to its event at the other one.
    pub deliveries: Vec<Duration>,
    /// From a newcomer's first octet to CONNECTED.
    pub newcomers: Vec<Duration>,
    /// Newcomers who were not let in.
    pub turned_away: usize,
    /// What should not have happened.
    pub troubles: Vec<String>,
}

/// What is on its way.
#[derive(Default)]
struct Waiting {
    receipts: VecDeque<(String, Instant)>,
    events: VecDeque<Instant>,
}

impl Neighbours {
    /// Both connect; the reader follows the chat, the writer joins it.
    pub async fn meet(
        gateway: SocketAddr,
        tokens: [String; 2],
        author: i64,
        chat: i64,
    ) -> anyhow::Result<Self> {
        let [writer, reader] = tokens.each_ref().map(|token| connect(gateway, token));
        let (writer, mut reader) =
            tokio::try_join!(writer, reader).map_err(|lost| anyhow!("{lost:?}"))?;
        let destination = format!("/countries/{chat}/events");
        let headers = [
            ("id", "chat"),
            ("destination", &destination),
            ("receipt", "s"),
        ];
        let failed = |lost| anyhow!("the chat cannot be followed: {lost:?}");
        reader
            .send("SUBSCRIBE", &headers, "")
            .await
            .map_err(failed)?;
        let receipt = reader.next().await.map_err(failed)?;
        anyhow::ensure!(
            receipt.command == "RECEIPT",
            "instead of a RECEIPT: {receipt:?}"
        );
        let [token, _] = tokens;
        let mut neighbours = Self {
            gateway,
            token,
            writer,
            reader,
            author,
            chat,
            sent: 0,
            last_event: 0,
        };
        let (mut observation, mut waiting) = (Observation::default(), Waiting::default());
        neighbours
            .send("joinChat", &mut observation, &mut waiting)
            .await
            .map_err(failed)?;
        neighbours.settle(&mut observation, &mut waiting).await;
        let trouble = observation.troubles.into_iter().next();
        trouble.map_or(Ok(neighbours), |trouble| Err(anyhow!(trouble)))
    }

    /// They talk until it is over, and then until all is answered and seen.
    pub async fn watch(&mut self, over: CancellationToken) -> Observation {
        let (mut observation, mut waiting) = (Observation::default(), Waiting::default());
        let (gateway, token) = (self.gateway, self.token.clone());
        let talk = async {
            if let Err(lost) = self.talk(&over, &mut observation, &mut waiting).await {
                observation
                    .troubles
                    .push(format!("an honest client was cut off: {lost:?}"));
                return over.cancelled().await;
            }
            self.settle(&mut observation, &mut waiting).await;
        };
        let (newcomers, ()) = tokio::join!(knock(gateway, &token, &over), talk);
        for newcomer in newcomers {
            match newcomer {
                Some(took) => observation.newcomers.push(took),
                None => observation.turned_away += 1,
            }
        }
        observation
    }

    /// Leaves in order.
    pub async fn part(self) {
        self.writer.disconnect().await;
        self.reader.disconnect().await;
    }

    async fn talk(
        &mut self,
        over: &CancellationToken,
        observation: &mut Observation,
        waiting: &mut Waiting,
    ) -> Result<(), Lost> {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = over.cancelled() => return Ok(()),
                _ = pace.tick() => {
                    let typing = ["startTyping", "stopTyping"][observation.commands % 2];
                    self.send(typing, observation, waiting).await?;
                }
                frame = self.writer.next() => waiting.on_answer(&frame?, observation),
                frame = self.reader.next() => self.last_event = waiting.on_event(&frame?, self.last_event, observation),
            }
        }
    }

    async fn settle(&mut self, observation: &mut Observation, waiting: &mut Waiting) {
        let deadline = Instant::now() + SETTLE_MAX;
        while !(waiting.receipts.is_empty() && waiting.events.is_empty()) {
            let next = async {
                tokio::select! {
                    frame = self.writer.next() => waiting.on_answer(&frame?, observation),
                    frame = self.reader.next() => self.last_event = waiting.on_event(&frame?, self.last_event, observation),
                }
                Ok::<_, Lost>(())
            };
            match timeout_at(deadline, next).await {
                Ok(Ok(())) => {}
                Ok(Err(lost)) => {
                    let trouble = format!("an honest client was cut off: {lost:?}");
                    return observation.troubles.push(trouble);
                }
                Err(_) => {
                    let (receipts, events) = (waiting.receipts.len(), waiting.events.len());
                    let trouble = format!("{receipts} RECEIPTs and {events} events have not come");
                    return observation.troubles.push(trouble);
                }
            }
        }
    }

    async fn send(
        &mut self,
        verb: &str,
        observation: &mut Observation,
        waiting: &mut Waiting,
    ) -> Result<(), Lost> {
        self.sent += 1;
        let (receipt, destination) = (self.sent.to_string(), format!("/chat/events.{verb}"));
        let body = format!("{{\"authorId\":{},\"chatId\":{}}}", self.author, self.chat);
        let headers = [("destination", destination.as_str()), ("receipt", &receipt)];
        observation.commands += 1;
        let now = Instant::now();
        waiting.receipts.push_back((receipt.clone(), now));
        waiting.events.push_back(now);
        self.writer.send("SEND", &headers, &body).await
    }
}

impl Waiting {
    fn on_answer(&mut self, frame: &Frame, observation: &mut Observation) {
        let Some((receipt, sent)) = self.receipts.pop_front() else {
            return observation
                .troubles
                .push(format!("nobody asked for {frame:?}"));
        };
        if frame.command == "RECEIPT" && frame.header("receipt-id") == Some(receipt.as_str()) {
            return observation.receipts.push(sent.elapsed());
        }
        // It did not take effect, and no event will come of it.
        self.events.pop_back();
        observation
            .troubles
            .push(format!("command {receipt} was answered with {frame:?}"));
    }

    /// Takes an event; returns its id.
    fn on_event(&mut self, frame: &Frame, last: i64, observation: &mut Observation) -> i64 {
        let id = event_id(frame).unwrap_or_default();
        match self.events.pop_front() {
            Some(sent) if id > last => observation.deliveries.push(sent.elapsed()),
            Some(_) => observation
                .troubles
                .push(format!("event {id} after {last}")),
            None => observation.troubles.push(format!("nobody did {frame:?}")),
        }
        id
    }
}

fn event_id(frame: &Frame) -> Option<i64> {
    serde_json::from_str::<serde_json::Value>(&frame.body)
        .ok()?
        .get("id")?
        .as_i64()
}

fn connect(gateway: SocketAddr, token: &str) -> impl Future<Output = Result<Session, Lost>> {
    let authorization = format!("Bearer {token}");
    async move { Session::connect_with(gateway, &[("Authorization", &authorization)]).await }
}

/// Newcomers, one after the other; how long each took to be let in.
async fn knock(
    gateway: SocketAddr,
    token: &str,
    over: &CancellationToken,
) -> Vec<Option<Duration>> {
    let mut newcomers = Vec::new();
    let mut pace = interval(NEWCOMER_INTERVAL);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = over.cancelled() => return newcomers,
            _ = pace.tick() => {}
        }
        let begun = Instant::now();
        match connect(gateway, token).await {
            Ok(session) => {
                newcomers.push(Some(begun.elapsed()));
                session.disconnect().await;
            }
            Err(_) => newcomers.push(None),
        }
    }
}

/// The smallest of those that a share of all is not above, in milliseconds.
///
/// # Errors
/// There are none.
pub fn percentile(all: &[Duration], percent: usize) -> anyhow::Result<f64> {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    let at = sorted.get(rank).context("nothing was measured")?;
    Ok(at.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_those_that_were_measured() {
        let all: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        for (percent, expected) in [(50, 100.0), (99, 198.0), (100, 200.0)] {
            assert!((percentile(&all, percent).unwrap() - expected).abs() < 1e-9);
        }
        assert!(percentile(&[], 50).is_err());
    }
}
