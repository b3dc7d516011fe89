//! Tails the command stream of a partition, in order, from a given sequence.
//!
//! An ephemeral consumer without acks: the read offset lives in the database, with the effects. Not
//! async-nats's ordered consumer, which under faults starts again from 1, or after 13 s (design, pitfall 1).
//! Whatever goes wrong here ends in one way: a new consumer at the sequence expected next.

use std::future::Future;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::{BatchConfig, Config};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::{self, stream};
use async_nats::{StatusCode, Subscriber};
use futures_util::StreamExt;
use shared::command::CommandId;
use shared::metric;
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::decide::Wish;
use crate::delivery::{Delivery, Source};
use crate::history::{self, History};

/// Messages asked for at a time.
const PULL_MESSAGES_MAX: usize = 500;

/// How long a pull waits for them.
const PULL_EXPIRES: Duration = Duration::from_secs(1);

/// A pull always ends with a word from the server; without one for this long, the consumer is gone.
const SILENCE_MAX: Duration = Duration::from_millis(1_500);

/// When the server forgets a consumer that nobody pulls from.
const CONSUMER_IDLE_MAX: Duration = Duration::from_secs(10);

/// Longest wait for an answer of the JetStream API. A leader election takes up to 9 s; we ask again.
const API_MAX: Duration = Duration::from_secs(2);

/// What comes out of the stream.
#[derive(Debug)]
pub enum Reading {
    /// The next command. Those of one message come one after the other.
    Command(Box<Delivery>),
    /// The stream has restarted; nothing more comes from this reader.
    Restarted,
}

impl Reading {
    /// Whether it is the last that there is of a message.
    pub fn ends_message(&self) -> bool {
        match self {
            Self::Command(delivery) => delivery.wish.is_last,
            Self::Restarted => true,
        }
    }
}

/// Why reading cannot go on as it is.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("nobody listens any more")]
    Closed,
    #[error("the stream has restarted")]
    Restarted,
    #[error("{0}")]
    Other(#[from] async_nats::Error),
}

/// Reads one partition.
#[derive(Debug)]
pub struct Reader {
    client: async_nats::Client,
    jetstream: jetstream::Context,
    source: Source,
    /// The sequence that comes next.
    expected: i64,
    /// Id of the message before it, once one was read.
    last_command_id: Option<CommandId>,
}

impl Reader {
    /// A reader that begins at `start`.
    pub fn new(
        client: async_nats::Client,
        jetstream: jetstream::Context,
        source: Source,
        start: i64,
    ) -> Self {
        Self {
            client,
            jetstream,
            source,
            expected: start,
            last_command_id: None,
        }
    }

    /// Reads until the receiver is gone or the stream has restarted.
    pub async fn run(mut self, readings: mpsc::Sender<Reading>) {
        let mut backoff = Backoff::default();
        loop {
            let before = self.expected;
            match self.read(&readings).await {
                Broken::Closed => return,
                Broken::Restarted => {
                    let _ = readings.send(Reading::Restarted).await;
                    return;
                }
                Broken::Other(error) => {
                    tracing::warn!(
                        partition = %self.source.partition,
                        stream.sequence = self.expected,
                        %error,
                        "reading commands broke off; reading again"
                    );
                }
            }
            if self.expected > before {
                backoff = Backoff::default();
            }
            tokio::select! {
                () = backoff.wait() => {}
                () = readings.closed() => return,
            }
        }
    }

    /// Reads from a new consumer for as long as that works.
    async fn read(&mut self, readings: &mpsc::Sender<Reading>) -> Broken {
        match self.try_read(readings).await {
            Ok(never) => match never {},
            Err(broken) => broken,
        }
    }

    async fn try_read(
        &mut self,
        readings: &mpsc::Sender<Reading>,
    ) -> Result<std::convert::Infallible, Broken> {
        let check = history::check(
            &self.jetstream,
            self.source.partition,
            self.expected,
            self.last_command_id,
        );
        let stream = match within(check).await? {
            History::Restarted { .. } => return Err(Broken::Restarted),
            History::Intact { stream, first_seq } => {
                self.skip_to(first_seq);
                stream
            }
        };
        let consumer = self.consumer(&stream).await?;
        let inbox = self.client.new_inbox();
        let mut messages =
            within(async { Ok(self.client.subscribe(inbox.clone()).await?) }).await?;
        // Whether the next message is the first of this consumer.
        let mut fresh = true;
        loop {
            let pull = BatchConfig {
                batch: PULL_MESSAGES_MAX,
                expires: Some(PULL_EXPIRES),
                ..BatchConfig::default()
            };
            within(async { Ok(consumer.request_batch(pull, inbox.clone().into()).await?) }).await?;
            for _ in 0..PULL_MESSAGES_MAX {
                let message = tokio::select! {
                    message = next(&mut messages) => message?,
                    () = readings.closed() => return Err(Broken::Closed),
                };
                match message.status {
                    None | Some(StatusCode::OK) => {}
                    Some(StatusCode::TIMEOUT) => break,
                    Some(status) => {
                        return Err(other(format!("{status} {:?}", message.description)));
                    }
                }
                let message = jetstream::Message {
                    context: self.jetstream.clone(),
                    message,
                };
                let deliveries = self
                    .source
                    .read(message)
                    .map_err(|error| Broken::Other(error.into()))?;
                self.pass_on(deliveries, fresh, readings).await?;
                fresh = false;
            }
        }
    }

    async fn pass_on(
        &mut self,
        deliveries: Vec<Delivery>,
        fresh: bool,
        readings: &mpsc::Sender<Reading>,
    ) -> Result<(), Broken> {
        let Some(Wish {
            seq, message_id, ..
        }) = deliveries.first().map(|first| &first.wish)
        else {
            return Ok(());
        };
        let (seq, message_id) = (*seq, *message_id);
        if seq < self.expected {
            return Ok(());
        }
        if seq > self.expected && !fresh {
            // Dropped on the way, or missing from the stream? A new consumer will tell.
            return Err(other(format!("{seq} came instead of {}", self.expected)));
        }
        self.skip_to(seq);
        self.expected = seq + 1;
        self.last_command_id = message_id;
        for delivery in deliveries {
            let reading = Reading::Command(Box::new(delivery));
            readings.send(reading).await.map_err(|_| Broken::Closed)?;
        }
        Ok(())
    }

    /// Goes on at `seq`. What the stream has lost cannot be carried out; nobody got a receipt for it.
    fn skip_to(&mut self, seq: i64) {
        if seq > self.expected {
            metrics::counter!(metric::STREAM_LOSSES).increment(1);
            tracing::error!(
                partition = %self.source.partition,
                stream.sequence = self.expected,
                messages = seq - self.expected,
                "NATS has lost commands"
            );
            self.expected = seq;
            self.last_command_id = None;
        }
    }

    async fn consumer(&self, stream: &stream::Stream) -> Result<PullConsumer, Broken> {
        let config = Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.expected.unsigned_abs(),
            },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: CONSUMER_IDLE_MAX,
            ..Config::default()
        };
        within(async { Ok(stream.create_consumer(config).await?) }).await
    }
}

async fn next(messages: &mut Subscriber) -> Result<async_nats::Message, Broken> {
    match tokio::time::timeout(SILENCE_MAX, messages.next()).await {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(other("the subscription ended".to_owned())),
        Err(_) => Err(other("the server is silent".to_owned())),
    }
}

async fn within<T>(call: impl Future<Output = Result<T, async_nats::Error>>) -> Result<T, Broken> {
    match tokio::time::timeout(API_MAX, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(other("no answer in time".to_owned())),
    }
}

fn other(reason: String) -> Broken {
    Broken::Other(reason.into())
}
