//! A persister as gateways see one, for what no real one can be brought to do on demand.
//!
//! It owns the only partition and stores nothing: a command becomes an event and an outcome at once. The chat
//! may say that something else happens: see the constants. What real persisters do is shown by their own tests and end to end.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, Message};
use bytes::Bytes;
use futures_util::StreamExt;
use shared::beacon::{Beacon, OwnerState};
use shared::clock;
use shared::command::packing::{self, COMMANDS_PER_MESSAGE_MAX, PackedCommand};
use shared::command::{Command, CommandBody, CommandOutcome, GATEWAY_HEADER, Outcome};
use shared::envelope::{self, Envelope};
use shared::error_code::ErrorCode;
use shared::event::ChatEvent;
use shared::id::{ChatId, EventId};
use shared::partition::{Partition, PartitionCount};
use shared::query::{
    Audience, CommandState, Head, Heads, HeadsRequest, OutcomeRequest, Outcomes, Reply,
};
use shared::stream::{self, StreamLimits};
use shared::subject;

/// Chats from here on do not exist.
pub(crate) const MISSING_CHATS: i64 = 1_000_000;

/// Commands in this chat are never answered.
pub(crate) const SILENT_CHAT: i64 = 800_001;

/// Events of these chats are far longer than any real one.
pub(crate) const LOUD_CHATS: std::ops::Range<i64> = 810_000..820_000;

/// How much longer.
const LOUD_OCTETS: usize = 200 << 10;

/// Events of this chat come so many in one message, as of real persisters under load.
pub(crate) const PACKING_CHAT: i64 = 820_001;
pub(crate) const PACKED_EVENTS: usize = 4;

/// Commands in chats from here on are rejected; the rest of the number is that of the error code.
const REJECTING_CHATS: i64 = 900_000;

/// How often it says that it lives; often, so that gateways are ready soon.
const BEACON_INTERVAL: Duration = Duration::from_millis(100);

const LIMITS: StreamLimits = StreamLimits {
    stream_replicas: 1,
    command_stream_bytes_max: 16 << 20,
    event_stream_bytes_max: 16 << 20,
    event_stream_hours_max: 1,
};

/// The chat in which commands are rejected with this code.
pub(crate) fn rejecting_chat(code: ErrorCode) -> i64 {
    REJECTING_CHATS + i64::from(code.number())
}

/// Runs it for as long as the process lives. On a thread of its own, since each test has a runtime that ends
/// with it.
pub(crate) fn start(url: String) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(run(&url));
    });
}

async fn run(url: &str) {
    let client = async_nats::connect(url).await.unwrap();
    let partition = Partition::new(0);
    stream::declare(&jetstream::new(client.clone()), partition, &LIMITS)
        .await
        .unwrap();
    let mut commands = client
        .subscribe(subject::all_commands(partition))
        .await
        .unwrap();
    let mut heads = client.subscribe(subject::HEADS).await.unwrap();
    let mut outcomes = client.subscribe(subject::OUTCOME).await.unwrap();
    let mut beacons = tokio::time::interval(BEACON_INTERVAL);
    let mut chats = Chats::default();
    loop {
        tokio::select! {
            Some(command) = commands.next() => chats.carry_out(&client, &command).await,
            Some(question) = heads.next() => chats.answer_heads(&client, question).await,
            Some(question) = outcomes.next() => answer_outcomes(&client, question).await,
            _ = beacons.tick() => {
                let beacon = Beacon {
                    partition,
                    partitions: count(),
                    epoch: 1,
                    state: OwnerState::Ok,
                    lag: 0,
                    commands_per_message: COMMANDS_PER_MESSAGE_MAX,
                    heads: Vec::new(),
                };
                publish(&client, subject::beacon(partition), serde_json::to_vec(&beacon).unwrap()).await;
            }
        }
    }
}

fn count() -> PartitionCount {
    PartitionCount::try_from(1).unwrap()
}

async fn publish(client: &Client, subject: String, payload: Vec<u8>) {
    client.publish(subject, payload.into()).await.unwrap();
}

/// What happened so far.
#[derive(Default)]
struct Chats {
    last_event: i64,
    heads: HashMap<ChatId, i64>,
    /// Of [`PACKING_CHAT`], until they are enough.
    unsent: Vec<Bytes>,
}

impl Chats {
    async fn carry_out(&mut self, client: &Client, command: &Message) {
        let headers = command.headers.as_ref().unwrap();
        let header = |name: &str| headers.get(name).unwrap().as_str();
        let gateway = header(GATEWAY_HEADER);
        if subject::is_several_commands(&command.subject) {
            for packed in packing::unpack(&command.payload).unwrap() {
                self.carry_out_one(client, gateway, packed).await;
            }
            return;
        }
        let (chat_id, kind) = subject::parse_command(&command.subject).unwrap();
        let body: CommandBody = serde_json::from_slice(&command.payload).unwrap();
        assert_eq!(chat_id, body.chat_id);
        let id = header(async_nats::header::NATS_MESSAGE_ID.as_ref());
        let alone = Command {
            id: id.parse().unwrap(),
            kind,
            author_id: body.author_id,
            chat_id,
            if_typing_since: body.if_typing_since,
        };
        let alone = PackedCommand::new(&alone, body.is_repetition);
        self.carry_out_one(client, gateway, alone).await;
    }

    async fn carry_out_one(&mut self, client: &Client, gateway: &str, command: PackedCommand) {
        let outcome = match command.chat_id.get() {
            SILENT_CHAT => return,
            chat if chat > REJECTING_CHATS => {
                let number = i16::try_from(chat - REJECTING_CHATS).unwrap();
                Outcome::Rejected(ErrorCode::from_number(number).unwrap())
            }
            _ => Outcome::Stored(self.store(client, command).await),
        };
        let id = command.id;
        let told = serde_json::to_vec(&[CommandOutcome { id, outcome }]).unwrap();
        publish(client, subject::outcomes(gateway), told).await;
    }

    async fn store(&mut self, client: &Client, command: PackedCommand) -> EventId {
        let chat = command.chat_id;
        self.last_event += 1;
        let previous = self.heads.insert(chat, self.last_event).unwrap_or_default();
        let event = ChatEvent {
            id: EventId::try_from(self.last_event).unwrap(),
            author_id: command.author_id,
            chat_id: chat,
            event_type: command.kind,
            event_time: clock::now(),
        };
        let encoded = Envelope::new(&event, previous, None).encode();
        let mut payload = encoded.to_vec();
        if chat.get() == PACKING_CHAT {
            self.unsent.push(encoded);
            if self.unsent.len() < PACKED_EVENTS {
                return event.id;
            }
            payload = envelope::pack(&std::mem::take(&mut self.unsent)).into();
        }
        if LOUD_CHATS.contains(&chat.get()) {
            payload.resize(payload.len() + LOUD_OCTETS, b' ');
        }
        publish(client, subject::events(count(), chat), payload).await;
        event.id
    }

    async fn answer_heads(&self, client: &Client, question: Message) {
        let request: HeadsRequest = serde_json::from_slice(&question.payload).unwrap();
        let exists = |chat: &ChatId| chat.get() < MISSING_CHATS;
        let head = |chat: ChatId| Head {
            chat,
            event: self.heads.get(&chat).copied().unwrap_or_default(),
            audience: Audience::Everybody,
        };
        let heads = request.chats.into_iter().filter(exists).map(head).collect();
        let reply: Reply<Heads> = Ok(Heads { heads });
        answer(client, question, serde_json::to_vec(&reply).unwrap()).await;
    }
}

/// Nobody knows better: every command it knows was answered at once.
async fn answer_outcomes(client: &Client, question: Message) {
    let request: OutcomeRequest = serde_json::from_slice(&question.payload).unwrap();
    let states = vec![CommandState::Pending; request.ids.len()];
    let reply: Reply<Outcomes> = Ok(Outcomes { states });
    answer(client, question, serde_json::to_vec(&reply).unwrap()).await;
}

async fn answer(client: &Client, question: Message, payload: Vec<u8>) {
    let reply = question.reply.unwrap().to_string();
    publish(client, reply, payload).await;
}
