//! Where a server gets the events from that its clients are to receive.

mod bus;
mod limit;
mod sessions;

use std::net::SocketAddr;
use std::time::Instant;

pub use self::bus::{Bus, Style};
pub use self::limit::{LimitLink, RECORD_OCTETS, record};
pub use self::sessions::{Sessions, Wording};
use crate::crowd::Crowd;
use crate::ledger::Ledger;
use crate::receipts::Receipts;

/// How to feed a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedSpec {
    /// Through the NATS server that it listens to.
    Bus {
        /// Where that is.
        nats: SocketAddr,
        /// What it expects there.
        style: Style,
    },
    /// Through the command link of our bare limit server.
    Limit(SocketAddr),
    /// Through clients that SEND.
    Sessions(Wording),
}

impl FeedSpec {
    /// After how many events of a chat its numbers begin again, if they do.
    pub fn cycle(self) -> Option<u64> {
        match self {
            Self::Sessions(wording) => wording.cycle(),
            Self::Bus { .. } | Self::Limit(_) => None,
        }
    }
}

/// The way in.
pub enum Feed {
    /// NATS.
    Bus(Bus),
    /// The bare limit server's link.
    Limit(LimitLink),
    /// Clients.
    Sessions(Sessions),
}

impl Feed {
    /// Opens it. Clients that SEND are started among the others, one per chat.
    pub fn open(spec: FeedSpec, crowd: &mut Crowd, chats: usize) -> anyhow::Result<Self> {
        let feed = match spec {
            FeedSpec::Bus { nats, style } => Self::Bus(Bus::connect(nats, style)?),
            FeedSpec::Limit(server) => Self::Limit(LimitLink::connect(server)?),
            FeedSpec::Sessions(wording) => Self::Sessions(Sessions::open(wording, crowd, chats)?),
        };
        Ok(feed)
    }

    /// Has the crowd watch it, from when there are clients.
    pub fn watched_by(mut self, crowd: &Crowd) -> anyhow::Result<Self> {
        match &mut self {
            Self::Bus(bus) => crowd.watch(bus.source())?,
            Self::Limit(link) => crowd.watch(link.source())?,
            Self::Sessions(_) => {}
        }
        Ok(self)
    }

    /// Publishes an event of a chat. It leaves with the next [`Self::flush`].
    pub fn publish(
        &mut self,
        crowd: &mut Crowd,
        receipts: &mut Receipts,
        chat: usize,
        sequence: u64,
    ) {
        match self {
            Self::Bus(bus) => bus.publish(chat, sequence),
            Self::Limit(link) => link.publish(chat, sequence),
            Self::Sessions(sessions) => sessions.publish(crowd, receipts, chat, sequence),
        }
    }

    /// Sends what was published.
    pub fn flush(&mut self, crowd: &mut Crowd) -> anyhow::Result<()> {
        match self {
            Self::Bus(bus) => bus.flush(),
            Self::Limit(link) => link.flush(),
            Self::Sessions(sessions) => {
                sessions.flush(crowd);
                Ok(())
            }
        }
    }

    /// Its socket has something to read, or takes more.
    pub fn on_ready(&mut self, ledger: &Ledger) -> anyhow::Result<()> {
        match self {
            Self::Bus(bus) => bus.on_ready(ledger),
            Self::Limit(link) => link.flush(),
            Self::Sessions(_) => Ok(()),
        }
    }

    /// Does what is due by time.
    pub fn on_time(&mut self, now: Instant) -> anyhow::Result<()> {
        match self {
            Self::Bus(bus) => bus.on_time(now),
            Self::Limit(_) | Self::Sessions(_) => Ok(()),
        }
    }
}
