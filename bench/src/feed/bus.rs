//! A NATS client that publishes events, and stands in for the persister: it sends its beacon, and answers its
//! questions about heads and history from what the generator has published.
//!
//! So the delivery path of a gateway is measured without a database, with real octets on a real NATS server. The
//! generator's own loop drives it, which rules out a client library with tasks of its own.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mio::net::TcpStream;
use serde::Serialize;
use shared::beacon::{self, Beacon, OwnerState};
use shared::envelope::Envelope;
use shared::event::{ChatEvent, EventType};
use shared::id::ChatId;
use shared::partition::{Partition, PartitionCount};
use shared::query::{
    self, Audience, ChainedEvent, EventsPage, EventsRequest, Head, Heads, HeadsRequest, Reply,
};
use shared::{clock, subject};

use crate::crowd::client_flush;
use crate::ledger::{Ledger, chat_id};

/// Longest wait for the NATS server to let us in.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Octets read at once.
const READ_OCTETS: usize = 64 << 10;

/// What is published for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// What a persister sends to gateways, and all that they expect of one besides.
    Persister,
    /// The bare event on `chat.<id>`, for servers that hand on what comes.
    Plain,
}

/// The connection.
pub struct Bus {
    socket: TcpStream,
    style: Style,
    unsent: Vec<u8>,
    carry: Vec<u8>,
    next_beacon: Instant,
}

impl Bus {
    /// Connects, and takes the questions as the only persister.
    pub fn connect(nats: SocketAddr, style: Style) -> anyhow::Result<Self> {
        let mut socket = std::net::TcpStream::connect_timeout(&nats, CONNECT_MAX)
            .with_context(|| format!("cannot connect to NATS on {nats}"))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(CONNECT_MAX))?;
        let mut hello =
            "CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"bench\"}\r\n".to_owned();
        if style == Style::Persister {
            for (number, subject) in [(1, subject::HEADS), (2, subject::EVENTS)] {
                put_subscription(subject, number, &mut hello);
            }
        }
        socket.write_all(format!("{hello}PING\r\n").as_bytes())?;
        // INFO, then PONG, and nothing else: nobody asks before there are beacons.
        let mut lines = BufReader::new(&socket).lines();
        let answers = [lines.next(), lines.next()].map(Option::transpose);
        match answers {
            [Ok(Some(info)), Ok(Some(pong))] if info.starts_with("INFO ") && pong == "PONG" => {}
            other => bail!("no NATS server on {nats}: {other:?}"),
        }
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: TcpStream::from_std(socket),
            style,
            unsent: Vec::new(),
            carry: Vec::new(),
            next_beacon: Instant::now(),
        })
    }

    /// For the poll.
    pub fn source(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn publish(&mut self, chat: usize, sequence: u64) {
        let event = event(chat, sequence);
        let envelope = Envelope::new(&event, event.id.get() - 1, None);
        match self.style {
            Style::Persister => {
                let subject = subject::events(partitions(), event.chat_id);
                self.put(&subject, &envelope.encode());
            }
            Style::Plain => self.put(&format!("chat.{}", event.chat_id), &envelope.body),
        }
    }

    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        Ok(client_flush(&mut self.socket, &mut self.unsent)?)
    }

    /// Sends a beacon when one is due.
    pub fn on_time(&mut self, now: Instant) -> anyhow::Result<()> {
        if self.style == Style::Plain || now < self.next_beacon {
            return Ok(());
        }
        self.next_beacon = now + beacon::INTERVAL;
        self.beacon()
    }

    /// Sends a beacon. It lists no heads: a generator that loses events is to find out by itself.
    pub fn beacon(&mut self) -> anyhow::Result<()> {
        let partition = Partition::new(0);
        let beacon = Beacon {
            partition,
            partitions: partitions(),
            epoch: 1,
            state: OwnerState::Ok,
            lag: 0,
            commands_per_message: 1,
            heads: Vec::new(),
        };
        self.put(&subject::beacon(partition), &serde_json::to_vec(&beacon)?);
        self.flush()
    }

    pub(super) fn on_ready(&mut self, ledger: &Ledger) -> anyhow::Result<()> {
        let mut buffer = vec![0; READ_OCTETS];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => bail!("NATS ended the connection"),
                Ok(read) => self.carry.extend(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let octets = std::mem::take(&mut self.carry);
        let mut rest = &octets[..];
        while let Some((message, after)) = next(rest)? {
            self.on_message(&message, ledger)?;
            rest = after;
        }
        self.carry = rest.to_vec();
        self.flush()
    }

    fn on_message(&mut self, message: &FromNats<'_>, ledger: &Ledger) -> anyhow::Result<()> {
        match message {
            FromNats::Other => {}
            FromNats::Ping => self.unsent.extend(b"PONG\r\n"),
            FromNats::Message {
                subject,
                reply,
                payload,
            } => match *subject {
                subject::HEADS => {
                    self.answer(reply, heads(&serde_json::from_slice(payload)?, ledger))?;
                }
                subject::EVENTS => {
                    self.answer(reply, page(&serde_json::from_slice(payload)?, ledger))?;
                }
                other => bail!("a message on {other}, which nobody subscribed to"),
            },
        }
        Ok(())
    }

    fn answer<T: Serialize>(&mut self, reply: &str, answer: T) -> anyhow::Result<()> {
        let answer: Reply<T> = Ok(answer);
        self.put(reply, &serde_json::to_vec(&answer)?);
        Ok(())
    }

    fn put(&mut self, subject: &str, payload: &[u8]) {
        let head = format!("PUB {subject} {}\r\n", payload.len());
        self.unsent.extend(head.as_bytes());
        self.unsent.extend(payload);
        self.unsent.extend(b"\r\n");
    }
}

fn put_subscription(subject: &str, number: u8, out: &mut String) {
    write!(out, "SUB {subject} {} {number}\r\n", query::QUEUE_GROUP)
        .expect("a String takes any text");
}

fn partitions() -> PartitionCount {
    PartitionCount::try_from(1).expect("one is enough")
}

/// The event with this number: its id is the number.
pub(super) fn event(chat: usize, sequence: u64) -> ChatEvent {
    let number = i64::try_from(sequence).expect("nobody publishes that much");
    ChatEvent {
        id: number.try_into().expect("numbers begin with 1"),
        author_id: number.try_into().expect("numbers begin with 1"),
        chat_id: wire_chat(chat),
        // Never shed under pressure, which a typing event may be.
        event_type: EventType::Join,
        event_time: clock::now(),
    }
}

fn wire_chat(chat: usize) -> ChatId {
    let id = i64::try_from(chat_id(chat)).expect("few chats");
    id.try_into().expect("ids begin with 1")
}

/// Every chat exists, with the events published so far.
fn heads(request: &HeadsRequest, ledger: &Ledger) -> Heads {
    let heads = request.chats.iter().filter_map(|chat| {
        let published = ledger.published_on(*chat)?;
        let event = i64::try_from(published).ok()?;
        Some(Head {
            chat: *chat,
            event,
            audience: Audience::Everybody,
        })
    });
    Heads {
        heads: heads.collect(),
    }
}

/// The history is what was published, all of it.
fn page(request: &EventsRequest, ledger: &Ledger) -> EventsPage {
    let published = ledger.published_on(request.chat).unwrap_or(0);
    let after = u64::try_from(request.after).unwrap_or(0);
    let end = published.min(after + request.limit.min(query::EVENTS_MAX));
    let chat = usize::try_from(request.chat.get() - 1).unwrap_or(0);
    let events = (after + 1..=end).map(|sequence| {
        let event = event(chat, sequence);
        ChainedEvent {
            previous_id: event.id.get() - 1,
            event,
        }
    });
    EventsPage {
        events: events.collect(),
        more: end < published,
        gone: None,
    }
}

/// What a NATS server sends.
#[derive(Debug, PartialEq, Eq)]
enum FromNats<'a> {
    Message {
        subject: &'a str,
        reply: &'a str,
        payload: &'a [u8],
    },
    Ping,
    Other,
}

/// The first of what the server sent, once it is complete, and what follows it.
fn next(octets: &[u8]) -> anyhow::Result<Option<(FromNats<'_>, &[u8])>> {
    let Some(end) = memchr::memmem::find(octets, b"\r\n") else {
        return Ok(None);
    };
    let (line, rest) = (std::str::from_utf8(&octets[..end])?, &octets[end + 2..]);
    let mut words = line.split(' ');
    match words.next() {
        Some("MSG") => {
            let fields: Vec<&str> = words.collect();
            let &[subject, _, reply, length] = fields.as_slice() else {
                bail!("a question without a reply subject: {line}");
            };
            let length: usize = length.parse()?;
            let Some(payload) = rest.get(..length + 2) else {
                return Ok(None);
            };
            let message = FromNats::Message {
                subject,
                reply,
                payload: &payload[..length],
            };
            Ok(Some((message, &rest[length + 2..])))
        }
        Some("PING") => Ok(Some((FromNats::Ping, rest))),
        Some("-ERR") => bail!("NATS says {line}"),
        _ => Ok(Some((FromNats::Other, rest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_when_whole() {
        let octets = b"PING\r\nMSG svc.heads 1 _INBOX.x 2\r\n{}\r\nPONG\r\n";
        let (ping, rest) = next(octets).unwrap().unwrap();
        assert_eq!(ping, FromNats::Ping);
        let (message, rest) = next(rest).unwrap().unwrap();
        let expected = FromNats::Message {
            subject: "svc.heads",
            reply: "_INBOX.x",
            payload: b"{}",
        };
        assert_eq!(message, expected);
        assert_eq!(rest, b"PONG\r\n");
        assert_eq!(
            next(&octets[6..octets.len() - rest.len() - 1]).unwrap(),
            None
        );
    }

    #[test]
    fn the_history_is_what_was_published() {
        let mut ledger = Ledger::new(1);
        for _ in 0..700 {
            ledger.publish(0, Instant::now());
        }
        let request = |after| EventsRequest {
            chat: wire_chat(0),
            after,
            limit: 500,
        };
        let first = page(&request(100), &ledger);
        let ids: Vec<i64> = first
            .events
            .iter()
            .map(|event| event.event.id.get())
            .collect();
        assert_eq!(ids, (101..=600).collect::<Vec<_>>());
        assert!(first.more);
        assert!(!page(&request(600), &ledger).more);
        let known = heads(
            &HeadsRequest {
                chats: vec![wire_chat(0), wire_chat(1)],
            },
            &ledger,
        );
        assert_eq!(
            known.heads,
            [Head {
                chat: wire_chat(0),
                event: 700,
                audience: Audience::Everybody,
            }]
        );
    }
}
