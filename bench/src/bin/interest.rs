//! The interest graph of a million connections, really put into a nats-server: forty gateways' subscriptions to 20,000
//! chats, and events to all of them.
//!
//! ```text
//! nats-server -a 127.0.0.1 -p 14556 -m 14557 &
//! interest 127.0.0.1:14556 127.0.0.1:14557
//! ```
//!
//! It speaks NATS's protocol over bare sockets, one thread for each gateway, which does nothing but count: what is
//! measured is the server. `docs/capacity.md` has the figures.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures for people need no 53 bits"
)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bench::capacity::spread;
use clap::Parser;

const GATEWAYS: usize = 40;
const CHATS: usize = 20_000;
/// Octets of an event as owners publish it, with its first line.
const EVENT: usize = 140;
/// Longest silence of the server.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Puts the interest graph of a million connections into a nats-server, and events to all of it.
#[derive(Debug, Parser)]
struct Cli {
    /// Where the server serves clients.
    server: SocketAddr,

    /// Where it answers about itself.
    monitor: SocketAddr,

    /// How many events.
    #[arg(default_value_t = 100_000)]
    events: usize,
}

fn main() -> anyhow::Result<()> {
    let Cli {
        server,
        monitor,
        events,
    } = Cli::parse();
    let mut followed = vec![Vec::new(); GATEWAYS];
    let mut copies = vec![Vec::new(); CHATS];
    spread(GATEWAYS as u64, CHATS as u64, |chat, on| {
        copies[chat] = on.to_vec();
        for gateway in on {
            followed[*gateway].push(chat);
        }
    });
    let mut expected = [0; GATEWAYS];
    for event in 0..events {
        for gateway in &copies[chat_of(event)] {
            expected[*gateway] += 1;
        }
    }

    let before = resident(monitor)?;
    let begun = Instant::now();
    let mut gateways = Vec::new();
    for chats in &followed {
        gateways.push(gateway(server, chats)?);
    }
    let subscriptions: usize = followed.iter().map(Vec::len).sum();
    let grown = resident(monitor)?.saturating_sub(before);
    println!(
        "{subscriptions} subscriptions in {:.1} s, {} MiB, {} octets each",
        begun.elapsed().as_secs_f64(),
        grown >> 20,
        grown / subscriptions
    );

    let mut publisher = connect(server)?;
    let ready = Barrier::new(GATEWAYS + 1);
    let took = std::thread::scope(|scope| {
        let mut reading = Vec::new();
        for (gateway, messages) in gateways.iter_mut().zip(expected) {
            let ready = &ready;
            reading.push(scope.spawn(move || {
                ready.wait();
                drain(gateway, messages)
            }));
        }
        ready.wait();
        let begun = Instant::now();
        publish(&mut publisher, events)?;
        for reading in reading {
            reading.join().expect("readers do not panic")?;
        }
        anyhow::Ok(begun.elapsed())
    })?;
    let delivered: usize = expected.iter().sum();
    println!(
        "{events} events, {delivered} copies in {:.2} s: {:.0} copies a second",
        took.as_secs_f64(),
        delivered as f64 / took.as_secs_f64()
    );
    Ok(())
}

/// Chats in an order that repeats none soon.
fn chat_of(event: usize) -> usize {
    event.wrapping_mul(7_919) % CHATS
}

fn subject(chat: usize) -> String {
    format!("ev.0.{:07}", chat + 1)
}

fn connect(server: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
    pong(&mut stream)?;
    Ok(stream)
}

/// A connection with a subscription to each chat, all in force.
fn gateway(server: SocketAddr, chats: &[usize]) -> anyhow::Result<TcpStream> {
    let mut stream = connect(server)?;
    let mut wishes = String::new();
    for (number, chat) in chats.iter().enumerate() {
        let _ = write!(wishes, "SUB {} {:07}\r\n", subject(*chat), number + 1);
    }
    stream.write_all(wishes.as_bytes())?;
    pong(&mut stream)?;
    Ok(stream)
}

/// Waits until the server has done everything before.
fn pong(stream: &mut TcpStream) -> anyhow::Result<()> {
    stream.write_all(b"PING\r\n")?;
    // Nothing comes after PONG until somebody publishes, so the buffer takes nothing that is missed later.
    for line in BufReader::new(stream).lines() {
        let line = line?;
        ensure!(!line.starts_with("-ERR"), "{line}");
        if line == "PONG" {
            return Ok(());
        }
    }
    anyhow::bail!("the server has closed the connection")
}

fn publish(stream: &mut TcpStream, events: usize) -> anyhow::Result<()> {
    let body = "x".repeat(EVENT);
    let mut batch = String::new();
    for event in 0..events {
        let _ = write!(
            batch,
            "PUB {} {EVENT}\r\n{body}\r\n",
            subject(chat_of(event))
        );
        if batch.len() > 1 << 16 || event + 1 == events {
            stream.write_all(batch.as_bytes())?;
            batch.clear();
        }
    }
    Ok(())
}

/// Reads so many messages.
fn drain(stream: &mut TcpStream, messages: usize) -> anyhow::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    let mut seen = 0;
    while seen < messages {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "the server has closed a gateway's connection");
        // Of all that comes only a message's first line has this letter, and it has it once.
        seen += memchr::memchr_iter(b'M', &buffer[..read]).count();
    }
    Ok(())
}

/// What the server says of its memory.
fn resident(monitor: SocketAddr) -> anyhow::Result<usize> {
    let mut stream = TcpStream::connect(monitor)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.write_all(b"GET /varz HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no answer of HTTP")?;
    let variables: serde_json::Value = serde_json::from_str(body)?;
    let octets = variables["mem"].as_u64().context("no mem")?;
    Ok(usize::try_from(octets)?)
}
