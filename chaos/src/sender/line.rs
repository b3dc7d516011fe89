//! A sender's connection: opened when it is needed, to any gateway, and given up when it fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use shared::error_code::ErrorCode;
use tokio::time::{Instant, timeout_at};

use super::wish::{Answer, Wish};
use crate::stomp::{Lost, Session};
use crate::tally::{Count, Tally};
use crate::violation::Violation;

/// Longest wait for an answer on a connection that lives: the gateway's own deadline of 10 s, twice the longest
/// stop, and room for a starved machine.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The connection and what is counted about it.
pub(super) struct Line {
    user: i64,
    gateways: Vec<SocketAddr>,
    tally: Arc<Tally>,
    session: Option<Session>,
    connected: u64,
    receipts: u64,
}

impl Line {
    /// Not yet connected.
    pub(super) fn new(user: i64, gateways: Vec<SocketAddr>, tally: Arc<Tally>) -> Self {
        Self {
            user,
            gateways,
            tally,
            session: None,
            connected: 0,
            receipts: 0,
        }
    }

    /// The session, if there is one.
    pub(super) fn take(&mut self) -> Option<Session> {
        self.session.take()
    }

    /// Sends commands one behind the other and waits for their answers. One per command comes back.
    pub(super) async fn ask(&mut self, wishes: &[Wish], rng: &mut StdRng) -> Vec<Answer> {
        if self.session.is_none() {
            self.connect(rng).await;
        }
        let Some(mut session) = self.session.take() else {
            return vec![Answer::NotSent; wishes.len()];
        };
        let mut answers = vec![Answer::None; wishes.len()];
        match self.exchange(&mut session, wishes, &mut answers).await {
            Ok(()) => self.session = Some(session),
            Err(Lost::Connection | Lost::Closed { .. }) => {}
            Err(Lost::Protocol(what)) => self.protocol(what),
        }
        answers
    }

    async fn exchange(
        &mut self,
        session: &mut Session,
        wishes: &[Wish],
        answers: &mut [Answer],
    ) -> Result<(), Lost> {
        let first = self.receipts + 1;
        for wish in wishes {
            self.receipts += 1;
            self.send(session, wish, self.receipts).await?;
        }
        let deadline = Instant::now() + ANSWER_MAX;
        while let Some(index) = answers.iter().position(|answer| *answer == Answer::None) {
            let Ok(frame) = timeout_at(deadline, session.next()).await else {
                self.not_told(&wishes[index]);
                return Err(Lost::Connection);
            };
            let frame = frame?;
            let receipt = frame.header("receipt-id").and_then(|id| id.parse().ok());
            // What answers none of these is about a command that was given up meanwhile.
            let answered = (first..=self.receipts).position(|asked| Some(asked) == receipt);
            let Some(answer) = answered.and_then(|index| answers.get_mut(index)) else {
                continue;
            };
            if *answer != Answer::None {
                return Err(Lost::Protocol(format!("a second answer: {frame:?}")));
            }
            *answer = match (frame.command.as_str(), frame.error_code()) {
                ("RECEIPT", _) => Answer::Receipt,
                ("MESSAGE", Some(code)) => Answer::Refused(self.refusal(&code)?),
                _ => return Err(Lost::Protocol(format!("a strange answer: {frame:?}"))),
            };
        }
        Ok(())
    }

    async fn send(&self, session: &mut Session, wish: &Wish, receipt: u64) -> Result<(), Lost> {
        let receipt = receipt.to_string();
        let headers = [
            ("destination", wish.destination()),
            ("receipt", &receipt),
            ("idempotency-key", &wish.key),
        ];
        let (author, chat) = (self.user, wish.chat);
        let body = serde_json::json!({ "authorId": author, "chatId": chat }).to_string();
        session.send("SEND", &headers, &body).await
    }

    fn refusal(&self, name: &str) -> Result<ErrorCode, Lost> {
        let mut codes = ErrorCode::ALL.iter();
        let code = codes.find(|code| code.name() == name);
        let code = *code.ok_or_else(|| Lost::Protocol(format!("the unknown code {name}")))?;
        self.tally.refused(code.name());
        Ok(code)
    }

    async fn connect(&mut self, rng: &mut StdRng) {
        let gateway = self.gateways.choose(rng).expect("there are gateways");
        match Session::connect(*gateway).await {
            Ok(session) => {
                if self.connected > 0 {
                    self.tally.count(Count::Reconnects);
                }
                self.connected += 1;
                self.session = Some(session);
            }
            Err(Lost::Connection | Lost::Closed { .. }) => {}
            Err(Lost::Protocol(what)) => self.protocol(what),
        }
    }

    fn protocol(&self, what: String) {
        let client = format!("sender {}", self.user);
        self.tally.violated(Violation::Protocol { client, what });
    }

    fn not_told(&self, wish: &Wish) {
        self.tally.violated(Violation::NotTold(format!(
            "{} of user {} in chat {}, key {}: nothing for {ANSWER_MAX:?} on a connection that lives",
            wish.kind, self.user, wish.chat, wish.key
        )));
    }
}
