//! The gateway's side of the bus: sends commands, hears events, outcomes and beacons.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use async_nats::jetstream::stream;
use async_nats::{Client, Subscriber, jetstream};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::beacon::Beacon;
use shared::command::packing::{self, PackedCommand};
use shared::command::{Command, CommandBody, CommandId, CommandOutcome, GATEWAY_HEADER, Outcome};
use shared::envelope::{self, Envelope};
use shared::error_code::ErrorCode;
use shared::event::{ChatEvent, EventType};
use shared::partition::PartitionCount;
use shared::query::Reply;
use shared::subject;
use tokio::time::timeout;

use super::PATIENCE;

pub(crate) struct Gateway {
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
    partitions: PartitionCount,
    name: String,
    outcomes: Subscriber,
    events: Subscriber,
    /// Those that came and were not asked for yet.
    unpacked: VecDeque<Envelope>,
    beacons: Subscriber,
    heard: HashMap<CommandId, Outcome>,
}

/// A command as a client would mean it.
pub(crate) fn command(kind: EventType, author: i64, chat: i64) -> Command {
    Command {
        id: CommandId::fresh(),
        kind,
        author_id: author.try_into().unwrap(),
        chat_id: chat.try_into().unwrap(),
        if_typing_since: None,
    }
}

impl Gateway {
    pub(crate) async fn connect(url: &str, partitions: u16) -> Self {
        let client = async_nats::ConnectOptions::new()
            .reconnect_delay_callback(|_| Duration::from_millis(50))
            .connect(url)
            .await
            .unwrap();
        let name = format!("gw{}", uuid::Uuid::new_v4().simple());
        let outcomes = client.subscribe(subject::outcomes(&name)).await.unwrap();
        let events = client.subscribe("ev.>").await.unwrap();
        let beacons = client.subscribe(subject::ALL_BEACONS).await.unwrap();
        client.flush().await.unwrap();
        Self {
            jetstream: jetstream::new(client.clone()),
            client,
            partitions: partitions.try_into().unwrap(),
            name,
            outcomes,
            events,
            unpacked: VecDeque::new(),
            beacons,
            heard: HashMap::new(),
        }
    }

    /// Publishes a command and waits until the stream has it.
    pub(crate) async fn send(&self, command: &Command) {
        let (subject, body) = self.encode(command);
        self.send_raw(subject, Some(command.id), body).await;
    }

    /// Publishes commands of one partition as one message and waits until the stream has it.
    pub(crate) async fn send_several(&self, commands: &[PackedCommand]) {
        let partition = self.partitions.of(commands[0].chat_id);
        let subject = subject::commands(partition);
        let body = packing::pack(commands);
        self.send_raw(subject, Some(CommandId::fresh()), body).await;
    }

    /// Publishes a command; whether the stream has taken it.
    pub(crate) async fn try_to_send(&self, command: &Command) -> bool {
        let (subject, body) = self.encode(command);
        let headers = self.headers(Some(command.id));
        let ack = self
            .jetstream
            .publish_with_headers(subject, headers, body.into());
        ack.await.unwrap().await.is_ok()
    }

    fn encode(&self, command: &Command) -> (String, Vec<u8>) {
        let subject = subject::command(self.partitions, command.chat_id, command.kind);
        (subject, CommandBody::new(command, false).encode().into())
    }

    fn headers(&self, id: Option<CommandId>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(GATEWAY_HEADER, self.name.as_str());
        if let Some(id) = id {
            headers.insert(NATS_MESSAGE_ID, id.to_string().as_str());
        }
        headers
    }

    pub(crate) async fn send_raw(&self, subject: String, id: Option<CommandId>, body: Vec<u8>) {
        let headers = self.headers(id);
        let publishing = async {
            // While the server is away an attempt fails; the id makes repeating it safe.
            loop {
                let ack = self
                    .jetstream
                    .publish_with_headers(subject.clone(), headers.clone(), body.clone().into())
                    .await;
                if let Ok(ack) = ack
                    && ack.await.is_ok()
                {
                    return;
                }
            }
        };
        timeout(PATIENCE, publishing)
            .await
            .expect("the stream takes commands");
    }

    /// Has the command stream of a partition forget at once what it was sent; returns its last sequence.
    ///
    /// Removing the stream would do it too, but not on a slow disk: one that is made before the server has removed the
    /// files of the old one may find them, or lose its own.
    pub(crate) async fn make_forgetful(&self, stream: &str) -> u64 {
        let mut stream = self.jetstream.get_stream(stream).await.unwrap();
        let info = stream.info().await.unwrap();
        let forgetful = stream::Config {
            duplicate_window: Duration::from_millis(100),
            ..info.config.clone()
        };
        let last = info.state.last_sequence;
        self.jetstream.update_stream(forgetful).await.unwrap();
        last
    }

    /// Waits for the outcome of a command.
    pub(crate) async fn outcome(&mut self, id: CommandId) -> Outcome {
        let hearing = async {
            loop {
                if let Some(outcome) = self.heard.remove(&id) {
                    return outcome;
                }
                let message = self.outcomes.next().await.unwrap();
                let outcomes: Vec<CommandOutcome> =
                    serde_json::from_slice(&message.payload).unwrap();
                self.heard
                    .extend(outcomes.into_iter().map(|o| (o.id, o.outcome)));
            }
        };
        timeout(PATIENCE, hearing).await.expect("an outcome comes")
    }

    /// Sends a command and waits for its outcome.
    pub(crate) async fn ask(&mut self, command: &Command) -> Outcome {
        self.send(command).await;
        self.outcome(command.id).await
    }

    /// Sends a command and expects its rejection.
    #[track_caller]
    pub(crate) fn expect_rejection(outcome: Outcome, code: ErrorCode) {
        assert_eq!(outcome, Outcome::Rejected(code));
    }

    /// The next event published, with its envelope.
    pub(crate) async fn event(&mut self) -> (Envelope, ChatEvent) {
        while self.unpacked.is_empty() {
            let message = timeout(PATIENCE, self.events.next())
                .await
                .expect("an event comes")
                .unwrap();
            let envelopes = envelope::unpack(&message.payload).map(Result::unwrap);
            self.unpacked.extend(envelopes);
        }
        let envelope = self.unpacked.pop_front().unwrap();
        let event = serde_json::from_slice(&envelope.body).unwrap();
        (envelope, event)
    }

    /// The first beacon from now on that satisfies `wanted`.
    pub(crate) async fn beacon(&mut self, wanted: impl Fn(&Beacon) -> bool) -> Beacon {
        let hearing = async {
            loop {
                let message = self.beacons.next().await.unwrap();
                let beacon: Beacon = serde_json::from_slice(&message.payload).unwrap();
                if wanted(&beacon) {
                    return beacon;
                }
            }
        };
        timeout(PATIENCE, hearing)
            .await
            .expect("such a beacon comes")
    }

    /// Asks a question of any persister.
    pub(crate) async fn question<A: DeserializeOwned>(
        &self,
        subject: &'static str,
        question: &impl Serialize,
    ) -> Reply<A> {
        let payload = serde_json::to_vec(question).unwrap();
        let answer = timeout(PATIENCE, self.client.request(subject, payload.into()))
            .await
            .expect("an answer comes")
            .unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }
}

/// The event id of an outcome that must be a success.
#[track_caller]
pub(crate) fn stored(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Stored(id) => id.get(),
        Outcome::Rejected(code) => panic!("rejected: {}", code.name()),
    }
}
