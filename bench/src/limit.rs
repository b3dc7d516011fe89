//! The bare limit: what the kernel allows a server on one core that does nothing but hand frames to sockets.
//!
//! It knows its subscribers, makes the frame of an event once and writes it to each of them. The plain variant
//! writes once per event and subscriber, the coalescing one once per turn and subscriber, however many events the
//! turn brought. No bus, no queues, no sessions, no time: whatever a real server does comes on top.

mod peer;

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;

use anyhow::Context;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use self::peer::Peer;
use crate::feed::{RECORD_OCTETS, record};
use crate::ledger::chat_id;

/// Most readiness events handled in a turn.
const EVENTS_MAX: usize = 1_024;
/// Octets read at once.
const READ_OCTETS: usize = 64 << 10;

const CLIENTS: Token = Token(usize::MAX - 1);
const LINKS: Token = Token(usize::MAX - 2);
const LINK: Token = Token(usize::MAX - 3);

/// The server.
pub struct Limit {
    coalescing: bool,
    poll: Poll,
    clients: TcpListener,
    links: TcpListener,
    link: Option<TcpStream>,
    link_carry: Vec<u8>,
    peers: Vec<Option<Peer>>,
    chats: Vec<Chat>,
    /// Chats with something pending.
    due: Vec<usize>,
}

#[derive(Default)]
struct Chat {
    subscribers: Vec<usize>,
    pending: Vec<u8>,
}

impl Limit {
    /// Listens on free ports of loopback.
    pub fn bind(coalescing: bool) -> anyhow::Result<Self> {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let (mut clients, mut links) = (TcpListener::bind(loopback)?, TcpListener::bind(loopback)?);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut clients, CLIENTS, Interest::READABLE)?;
        poll.registry()
            .register(&mut links, LINKS, Interest::READABLE)?;
        Ok(Self {
            coalescing,
            poll,
            clients,
            links,
            link: None,
            link_carry: Vec::new(),
            peers: Vec::new(),
            chats: Vec::new(),
            due: Vec::new(),
        })
    }

    /// Where clients connect, and where the link does.
    pub fn addresses(&self) -> anyhow::Result<(SocketAddr, SocketAddr)> {
        Ok((self.clients.local_addr()?, self.links.local_addr()?))
    }

    /// Serves until the process is ended.
    pub fn run(mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; READ_OCTETS];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    CLIENTS => self.admit()?,
                    LINKS => self.accept_link()?,
                    LINK => self.read_link(&mut buffer)?,
                    Token(number) => self.attend(number, &mut buffer),
                }
            }
            self.deliver();
        }
    }

    fn admit(&mut self) -> anyhow::Result<()> {
        loop {
            let (mut socket, _) = match self.clients.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                accepted => accepted.context("cannot accept a client")?,
            };
            socket.set_nodelay(true)?;
            let token = Token(self.peers.len());
            self.poll.registry().register(
                &mut socket,
                token,
                Interest::READABLE | Interest::WRITABLE,
            )?;
            self.peers.push(Some(Peer::new(socket)));
        }
    }

    fn accept_link(&mut self) -> anyhow::Result<()> {
        let (mut socket, _) = self.links.accept().context("cannot accept the link")?;
        self.poll
            .registry()
            .register(&mut socket, LINK, Interest::READABLE)?;
        self.link = Some(socket);
        Ok(())
    }

    fn read_link(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        while let Some(link) = &mut self.link {
            match link.read(buffer) {
                Ok(0) => self.link = None,
                Ok(read) => self.link_carry.extend(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("cannot read the link"),
            }
        }
        let carry = std::mem::take(&mut self.link_carry);
        let (records, rest) = carry.as_chunks::<RECORD_OCTETS>();
        for octets in records {
            self.on_record(*octets);
        }
        self.link_carry = rest.to_vec();
        Ok(())
    }

    fn on_record(&mut self, octets: [u8; RECORD_OCTETS]) {
        let (number, sequence) = record(octets);
        let number = number as usize;
        let Some(chat) = self.chats.get_mut(number) else {
            return;
        };
        if chat.pending.is_empty() {
            self.due.push(number);
        }
        put_event(number, sequence, &mut chat.pending);
        if !self.coalescing {
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        for number in self.due.drain(..) {
            let chat = &mut self.chats[number];
            for subscriber in &chat.subscribers {
                // Who is gone shows at the next read.
                if let Some(peer) = &mut self.peers[*subscriber] {
                    let _ = peer.send(&chat.pending);
                }
            }
            chat.pending.clear();
        }
    }

    fn attend(&mut self, number: usize, buffer: &mut [u8]) {
        let Some(peer) = &mut self.peers[number] else {
            return;
        };
        match peer.attend(buffer) {
            Ok(None) => {}
            Ok(Some(chat)) => {
                if self.chats.len() <= chat {
                    self.chats.resize_with(chat + 1, Chat::default);
                }
                self.chats[chat].subscribers.push(number);
            }
            Err(_) => self.peers[number] = None,
        }
    }
}

/// The frame of an event, octet for octet what a gateway sends.
fn put_event(chat: usize, sequence: u64, out: &mut Vec<u8>) {
    let chat = chat_id(chat);
    let body = format!(
        "{{\"id\":{sequence},\"authorId\":{sequence},\"chatId\":{chat},\"eventType\":\"JOIN\",\
         \"eventTime\":\"2026-11-25T08:50:59.607196\"}}"
    );
    let message = format!(
        "MESSAGE\nsubscription:sub-0\nmessage-id:{sequence}\ndestination:/countries/{chat}/events\n\
         content-type:application/json\ncontent-length:{}\n\n{body}\0",
        body.len()
    );
    peer::put_message(message.as_bytes(), out);
}
