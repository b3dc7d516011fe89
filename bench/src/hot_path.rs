//! The functions that run once per frame, event or command, alone: for micro-benchmarks in time
//! (`cargo bench -p bench`) and for a budget in instructions (`make bench-budget`), which other programs on the machine
//! cannot disturb.

use bytes::Bytes;
use clap::ValueEnum;
use gateway::chain::Chain;
use gateway::stomp::decode::{DecodeLimits, Decoded, Decoder};
use gateway::stomp::message::{AckMode, Label, event_message};
use gateway::stomp::version::Version;
use persister::decide::{Before, Mark, Numbering, Room, Terms, TypingLease, Wish, decide};
use shared::clock::Timestamp;
use shared::command::Command;
use shared::envelope::Envelope;
use shared::event::{ChatEvent, EventType};
use shared::partition::{Partition, PartitionCount};
use shared::policy::{ChatType, POLICY};
use std::hint::black_box;
use std::time::Duration;

/// Commands of a batch in [`HotPath::Decide`]: half of what the persister takes at most.
const BATCH: i64 = 256;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HotPath {
    /// A SEND frame as a browser sends it, from octets to headers and body.
    Decode,
    /// A MESSAGE frame, which a gateway makes once per event and kind of subscriber.
    Encode,
    /// An event from NATS: its envelope, and its place in the chain of its chat.
    Chain,
    /// An event as the persister publishes it.
    Seal,
    /// A batch of commands, decided.
    Decide,
}

impl HotPath {
    /// What one pass may cost, in instructions: what it cost when this was last looked at, and a tenth more.
    pub fn budget(self) -> u64 {
        match self {
            Self::Decode => 8_900,
            Self::Encode => 3_250,
            Self::Chain => 10_700,
            Self::Seal => 9_300,
            Self::Decide => 532_000,
        }
    }

    /// Goes through it so many times.
    pub fn run(self, times: u32) {
        match self {
            Self::Decode => decode_frames(times),
            Self::Encode => encode_messages(times),
            Self::Chain => follow_chain(times),
            Self::Seal => seal_events(times),
            Self::Decide => decide_batches(times),
        }
    }
}

fn decode_frames(times: u32) {
    let frame = b"SEND\ndestination:/chat/events.joinChat\nreceipt:join-1\n\
        idempotency-key:0192f7a0-5b5e-7c3a-9d1e-3a5b7c9d1e3f\ncontent-length:25\n\n{\"authorId\":1,\"chatId\":4}\0";
    let limits = DecodeLimits {
        frame_octets_max: 64 << 10,
        headers_max: 64,
        header_octets_max: 8 << 10,
    };
    let mut decoder = Decoder::new(limits);
    for _ in 0..times {
        decoder.push(black_box(frame));
        match decoder.next(Some(Version::V1_2)) {
            Some(Ok(Decoded::Frame(frame))) => drop(black_box(frame)),
            other => unreachable!("a whole and valid frame: {other:?}"),
        }
    }
}

fn encode_messages(times: u32) {
    let label = Label::new(Version::V1_2, Some("sub-0"), 1, AckMode::Auto);
    let event = event(37);
    let body = serde_json::to_string(&event).expect("plain data");
    for _ in 0..times {
        black_box(event_message(
            black_box(&label),
            event.chat_id,
            event.id,
            black_box(&body),
        ));
    }
}

fn follow_chain(times: u32) {
    let payloads: Vec<Bytes> = (1..=i64::from(times)).map(sealed).collect();
    let (mut chain, mut ready) = (Chain::new(0), Vec::new());
    for payload in payloads {
        let event = Envelope::decode(&payload).expect("sealed above");
        black_box(chain.on_event(event, &mut ready));
        ready.clear();
    }
}

fn seal_events(times: u32) {
    for id in 1..=i64::from(times) {
        black_box(sealed(black_box(id)));
    }
}

fn decide_batches(times: u32) {
    let kinds = [
        EventType::Join,
        EventType::StartTyping,
        EventType::StopTyping,
        EventType::Leave,
    ];
    let wishes: Vec<Wish> = (0..BATCH)
        .zip(kinds.into_iter().cycle())
        .map(|(seq, kind)| wish(seq + 1, kind, seq / 4 + 1))
        .collect();
    let mut before = Before::default();
    let room = Room {
        country: "AA".to_owned(),
        head: 0,
        chat_type: ChatType::Group,
        seats: std::collections::BTreeSet::new(),
    };
    before.rooms.chats.insert(event(1).chat_id, room);
    let terms = Terms {
        policy: POLICY,
        from: Mark { seq: 0, id_base: 0 },
        numbering: Numbering {
            partition: Partition::new(0),
            partitions: PartitionCount::try_from(1).expect("one is allowed"),
        },
        typing_lease: TypingLease(Duration::from_mins(1)),
        now: Timestamp::from_micros(0),
        carried_out_once: 0,
    };
    for _ in 0..times {
        black_box(decide(black_box(&wishes), &before, &terms));
    }
}

fn event(id: i64) -> ChatEvent {
    let one = |number: i64| number.max(1);
    ChatEvent {
        id: one(id).try_into().expect("positive"),
        author_id: 1.try_into().expect("positive"),
        chat_id: 4.try_into().expect("positive"),
        event_type: EventType::Join,
        event_time: Timestamp::from_micros(1_723_366_259_607_196),
    }
}

fn sealed(id: i64) -> Bytes {
    Envelope::new(&event(id), id - 1, None).encode()
}

fn wish(seq: i64, kind: EventType, author: i64) -> Wish {
    let command = Command {
        id: uuid::Uuid::from_u128(seq.unsigned_abs().into()).into(),
        kind,
        author_id: author.try_into().expect("positive"),
        chat_id: event(1).chat_id,
        if_typing_since: None,
    };
    Wish::alone(seq, Timestamp::from_micros(0), command)
}
