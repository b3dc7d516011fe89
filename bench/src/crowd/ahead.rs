//! Clients that are looked at ahead of the others.
//!
//! A thousand sockets that are ready at once take the generator some 15 ms. Whoever waits behind them has a latency that
//! is the generator's and not the server's.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

/// Most of the others looked at in one turn: well under a millisecond's work.
pub(super) const OTHERS_MAX: usize = 32;
/// Most looked at ahead of them.
const AHEAD_MAX: usize = 1_024;
/// Says that one of them is ready.
pub(super) const TOKEN: Token = Token(usize::MAX - 2);

/// What watches them.
#[derive(Debug)]
pub(super) struct Ahead {
    poll: Poll,
    events: Events,
}

impl Ahead {
    /// `others` wakes up when one of them is ready.
    pub(super) fn watched_by(others: &Poll) -> io::Result<Self> {
        let poll = Poll::new()?;
        let number = poll.as_raw_fd();
        let mut source = SourceFd(&number);
        let registry = others.registry();
        registry.register(&mut source, TOKEN, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(AHEAD_MAX),
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Those that are ready now.
    pub(super) fn look(&mut self) -> io::Result<&Events> {
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(&self.events),
        }
    }
}
