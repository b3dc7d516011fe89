//! All clients of a server, on one thread: a socket, a phase and a few numbers each.
//!
//! The generator shares the machine with what it measures, so that a delivery may cost it little: one read for all
//! that has come, into a buffer that all clients share, and one look at each message. Nothing is allocated unless a
//! message is cut in two by the end of a read.

mod ahead;
mod client;

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use self::ahead::Ahead;
pub(crate) use self::client::flush as client_flush;
use self::client::{Client, Phase};
use crate::delivered::{Delivered, Scanner};
use crate::dialect::{Dialect, Step, Wish};
use crate::websocket::{self, Opcode};

/// Most readiness events handled between two looks at what is to be published.
const EVENTS_MAX: usize = 1_024;
/// Octets read at once. More than a socket's receive buffer holds by default, so that one read empties it.
const READ_OCTETS: usize = 512 << 10;
/// Most handshakes under way at once; a listener's queue of new connections is not endless.
const HANDSHAKES_MAX: usize = 256;
/// What Ethernet carries of TCP in one piece. Loopback carries 64 KiB, for ten of which a server's send buffer has room
/// from the start: two megabytes of events, which no server notices that nobody reads.
const ETHERNET_SEGMENT_OCTETS: u32 = 1_448;
/// The source that is no client.
const FEED: Token = Token(usize::MAX - 1);

/// Hears what happens to clients.
pub trait Audience {
    /// An event came.
    fn delivered(&mut self, client: usize, event: Delivered, now: Instant);

    /// Something else came that needs no answer: a receipt, an error, a heart-beat.
    fn heard(&mut self, client: usize, message: &[u8], now: Instant);

    /// The connection is gone, or the server refused what the client asked for.
    fn lost(&mut self, client: usize, why: &str);
}

/// What a client is to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Role {
    /// What it asks for.
    pub wish: Wish,
    /// Its socket's receive buffer, in octets, and behind a network with segments as on Ethernet: then little is hidden
    /// in the server's buffers as well. `None` is the system's, and loopback's.
    pub receive_octets: Option<usize>,
    /// Whether it is looked at ahead of the others; see [`Crowd::have_some_ahead`].
    pub is_ahead: bool,
}

/// The clients.
pub struct Crowd {
    server: SocketAddr,
    dialect: Dialect,
    poll: Poll,
    events: Events,
    ahead: Option<Ahead>,
    clients: Vec<Client>,
    scanner: Scanner,
    buffer: Box<[u8]>,
    ready: usize,
    gone: usize,
    feed_is_ready: bool,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(server: SocketAddr, dialect: Dialect) -> anyhow::Result<Self> {
        Ok(Self {
            server,
            dialect,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            ahead: None,
            clients: Vec::new(),
            scanner: Scanner::default(),
            buffer: vec![0; READ_OCTETS].into(),
            ready: 0,
            gone: 0,
            feed_is_ready: false,
        })
    }

    /// Watches a source that is no client; [`Self::turn`] says when it is ready.
    pub fn watch(&self, feed: &mut impl Source) -> anyhow::Result<()> {
        Ok(self
            .poll
            .registry()
            .register(feed, FEED, Interest::READABLE | Interest::WRITABLE)?)
    }

    /// From now on turns are short, and clients that are to be ahead are looked at in each: what is published to them
    /// and what they get is timed, while thousands of others keep the generator busy.
    pub fn have_some_ahead(&mut self) -> anyhow::Result<()> {
        self.ahead = Some(Ahead::watched_by(&self.poll)?);
        self.events = Events::with_capacity(ahead::OTHERS_MAX);
        Ok(())
    }

    /// What the clients speak.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// How many clients have what they wished for.
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// How many more clients may be started now, so that the server's queue of new connections does not overflow.
    pub fn room_for_handshakes(&self) -> usize {
        HANDSHAKES_MAX.saturating_sub(self.clients.len() - self.gone - self.ready)
    }

    /// How many clients there ever were; the next one's number.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there never was one.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Starts a client; returns its number. It is ready some turns later.
    pub fn start(&mut self, role: Role) -> anyhow::Result<usize> {
        let number = self.clients.len();
        let mut client = Client::connect(self.server, role)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = match &self.ahead {
            Some(ahead) if role.is_ahead => ahead.registry(),
            _ => self.poll.registry(),
        };
        registry.register(client.socket(), Token(number), interest)?;
        self.clients.push(client);
        Ok(number)
    }

    /// Starts clients, a number of them at a time, and waits until all have what they wish.
    ///
    /// # Errors
    /// When one is refused, or they do not get there in time.
    pub fn assemble(&mut self, roles: &[Role], wait_max: Duration) -> anyhow::Result<()> {
        let (before, mut failure) = (self.ready, Failure::default());
        let deadline = Instant::now() + wait_max;
        let mut roles = roles.iter();
        let mut started = 0;
        loop {
            let arrived = self.ready - before;
            for role in roles.by_ref().take(self.room_for_handshakes()) {
                self.start(*role)?;
                started += 1;
            }
            if arrived == started {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("only {arrived} of {started} clients are subscribed after {wait_max:?}");
            }
            self.turn(Duration::from_millis(100), &mut failure)?;
            if let Some(why) = failure.0.take() {
                bail!("a client was not let in: {why}");
            }
        }
    }

    /// A message from a client, sent now or as soon as its socket takes it.
    pub fn say(&mut self, client: usize, message: &str) {
        self.put(client, message);
        self.flush(client);
    }

    /// A message from a client that leaves with the next [`Self::flush`].
    pub fn put(&mut self, client: usize, message: &str) {
        let text = self.dialect.is_text();
        let client = &mut self.clients[client];
        websocket::put_message(message.as_bytes(), text, client.unsent());
    }

    /// Sends what a client has to say, as far as its socket takes it.
    pub fn flush(&mut self, client: usize) {
        // An error shows at the next read.
        let _ = self.clients[client].flush();
    }

    /// Every client shows that it lives, where its protocol has a word for that.
    pub fn beat(&mut self) {
        if matches!(self.dialect, Dialect::Stomp(_)) {
            for client in 0..self.clients.len() {
                if self.clients[client].phase == Phase::Ready {
                    self.say(client, "\n");
                }
            }
        }
    }

    /// A client reads no more.
    pub fn stall(&mut self, client: usize) -> anyhow::Result<()> {
        Ok(self
            .poll
            .registry()
            .deregister(self.clients[client].socket())?)
    }

    /// A client ends its connection without a word.
    pub fn leave(&mut self, client: usize) {
        let client = &mut self.clients[client];
        match client.phase {
            Phase::Gone => return,
            Phase::Ready => self.ready -= 1,
            _ => {}
        }
        self.gone += 1;
        client.end();
    }

    /// Waits until something happens, at most `wait_max`, and handles it. Returns whether the watched source is
    /// ready.
    pub fn turn(
        &mut self,
        wait_max: Duration,
        audience: &mut impl Audience,
    ) -> anyhow::Result<bool> {
        match self.poll.poll(&mut self.events, Some(wait_max)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        self.feed_is_ready = false;
        if let Some(mut ahead) = self.ahead.take() {
            let looked = ahead.look();
            self.attend_all(looked?, audience);
            self.ahead = Some(ahead);
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        self.attend_all(&events, audience);
        self.events = events;
        Ok(self.feed_is_ready)
    }

    fn attend_all(&mut self, events: &Events, audience: &mut impl Audience) {
        for event in events {
            match event.token() {
                FEED => self.feed_is_ready = true,
                ahead::TOKEN => {}
                Token(number) => {
                    let happened = self.attend(number, event.is_readable(), audience);
                    if let Err(error) = happened {
                        self.leave(number);
                        audience.lost(number, &format!("{error:#}"));
                    }
                }
            }
        }
    }

    fn attend(
        &mut self,
        number: usize,
        readable: bool,
        audience: &mut impl Audience,
    ) -> anyhow::Result<()> {
        let client = &mut self.clients[number];
        match client.phase {
            Phase::Gone => return Ok(()),
            Phase::Connecting => {
                if !client.is_connected()? {
                    return Ok(());
                }
                client.phase = Phase::Upgrading;
                let (path, protocol) = (self.dialect.path(), self.dialect.protocol());
                let request = websocket::upgrade(&self.server.to_string(), path, protocol);
                client.unsent().extend(request.as_bytes());
            }
            _ => {}
        }
        client.flush()?;
        if readable {
            self.read(number, audience)?;
        }
        Ok(())
    }

    fn read(&mut self, number: usize, audience: &mut impl Audience) -> anyhow::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = loop {
            let client = &mut self.clients[number];
            let kept = client.carry.len();
            buffer[..kept].copy_from_slice(&client.carry);
            client.carry.clear();
            let read = match client.socket().read(&mut buffer[kept..]) {
                Ok(0) => break Err(anyhow::anyhow!("the server ended the connection")),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    client.carry.extend(&buffer[..kept]);
                    break Ok(());
                }
                Err(error) => break Err(error.into()),
            };
            let end = kept + read;
            match self.digest(number, &buffer[..end], audience) {
                Ok(used) => self.clients[number].carry.extend(&buffer[used..end]),
                Err(error) => break Err(error),
            }
            // Less than asked for: the socket is empty, and will say so when it is not.
            if end < buffer.len() {
                break Ok(());
            }
            if self.clients[number].carry.len() == buffer.len() {
                break Err(anyhow::anyhow!(
                    "a message longer than {READ_OCTETS} octets"
                ));
            }
        };
        self.buffer = buffer;
        result
    }

    /// Handles whole frames; returns how many octets they were.
    fn digest(
        &mut self,
        number: usize,
        octets: &[u8],
        audience: &mut impl Audience,
    ) -> anyhow::Result<usize> {
        let now = Instant::now();
        let mut used = 0;
        if self.clients[number].phase == Phase::Upgrading {
            let Some(head) = websocket::upgraded(octets)? else {
                return Ok(0);
            };
            used = head;
            self.clients[number].phase = Phase::Asking;
            if let Some(opening) = self.dialect.opening() {
                self.say(number, &opening);
            }
        }
        while let Some(frame) = websocket::frame(&octets[used..])? {
            used += frame.octets;
            match frame.opcode {
                Opcode::Data => self.on_message(number, frame.payload, now, audience)?,
                Opcode::Ping => websocket::put_pong(frame.payload, self.clients[number].unsent()),
                Opcode::Pong => {}
                Opcode::Close => bail!(
                    "the server closes: {}",
                    String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default())
                ),
            }
        }
        self.clients[number].flush()?;
        Ok(used)
    }

    fn on_message(
        &mut self,
        number: usize,
        message: &[u8],
        now: Instant,
        audience: &mut impl Audience,
    ) -> anyhow::Result<()> {
        let client = &self.clients[number];
        let found = self
            .scanner
            .scan(message, |event| audience.delivered(number, event, now));
        if found > 0 {
            return Ok(());
        }
        let step = if client.phase == Phase::Ready {
            audience.heard(number, message, now);
            self.dialect.keep_up(message)
        } else {
            self.dialect.establish(message, client.role.wish)
        };
        match step {
            Step::Wait => {}
            Step::Say(answer) => self.say(number, &answer),
            Step::SayAndReady(answer) => {
                self.say(number, &answer);
                self.arrive(number);
            }
            Step::Ready => self.arrive(number),
            Step::Fail => bail!(
                "the server says {}",
                String::from_utf8_lossy(message).escape_debug()
            ),
        }
        Ok(())
    }

    fn arrive(&mut self, number: usize) {
        self.clients[number].phase = Phase::Ready;
        self.ready += 1;
    }
}

/// Who only wants to know what goes wrong, for while nothing else is expected.
#[derive(Debug, Default)]
struct Failure(Option<String>);

impl Audience for Failure {
    fn delivered(&mut self, _: usize, _: Delivered, _: Instant) {}

    fn heard(&mut self, _: usize, _: &[u8], _: Instant) {}

    fn lost(&mut self, client: usize, why: &str) {
        self.0
            .get_or_insert_with(|| format!("client {client}: {why}"));
    }
}

/// A connection to a server on this machine, not yet complete.
pub(crate) fn begin_connecting(
    server: SocketAddr,
    receive_octets: Option<usize>,
) -> anyhow::Result<mio::net::TcpStream> {
    use rustix::net::{
        AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        flags,
        Some(ipproto::TCP),
    )
    .context("cannot open a socket")?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if let Some(octets) = receive_octets {
        sockopt::set_socket_recv_buffer_size(&socket, octets)?;
        SockRef::from(&socket).set_tcp_mss(ETHERNET_SEGMENT_OCTETS)?;
    }
    match connect(&socket, &server) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(error).with_context(|| format!("cannot connect to {server}")),
    }
    Ok(mio::net::TcpStream::from_std(socket.into()))
}
