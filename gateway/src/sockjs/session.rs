//! A SockJS session over the HTTP transports, as a state machine without I/O or clock.
//!
//! SockJS protocol 0.3.3, "Protocol and framing" and "Handling close". One *receiver* at a time, a request whose
//! response carries frames, takes what waits for the client.
//!
//! ```text
//!            take: `o`            close, or the client is gone
//!  Opening ────────────▶ Open ───────────────────────────────▶ Closed ── nobody receives ──▶ forgotten
//!     │                   │ ▲                                    │ ▲     for the disconnect
//!     │                   └─┘ take: `a[…]`, `h`                  └─┘     delay
//!     └───────────────────────────────────────────────────────────▲     take: `a[…]`, then always `c[…]`
//! ```
//!
//! A receiver that breaks off ends the session, since nobody knows what its client has read. A session without a
//! receiver for the disconnect delay has lost its client.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::frame;

/// Names a receiving request, across all gateways.
pub type ReceiverId = u64;

/// Most octets of messages joined into one frame. A single longer message goes alone.
pub const FRAME_OCTETS_MAX: usize = 64 << 10;

/// Most octets of messages kept for the next receiver. More wait with whoever sends them, so that a client that
/// does not read is noticed as one.
pub const PENDING_OCTETS_MAX: usize = 64 << 10;

/// What a session hears of time.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A receiver without messages for so long gets a heartbeat frame.
    pub heartbeat: Duration,
    /// A session without a receiver for so long has ended.
    pub disconnect_delay: Duration,
}

/// A frame for a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SockJsFrame {
    /// The frame itself: `o`, `h`, `a[…]` or `c[…]`.
    pub text: Utf8Bytes,
    /// Nothing will follow for this receiver.
    pub last: bool,
}

impl SockJsFrame {
    /// A frame that ends its receiver.
    pub fn last(text: impl Into<Utf8Bytes>) -> Self {
        Self {
            text: text.into(),
            last: true,
        }
    }
}

/// For a receiver that comes while another one is there.
pub fn another_connection_frame() -> SockJsFrame {
    SockJsFrame::last(frame::close(2010, "Another connection still open"))
}

/// For a receiver whose session broke off.
pub fn interrupted_frame() -> SockJsFrame {
    SockJsFrame::last(frame::close(1002, "Connection interrupted"))
}

/// Another request is receiving already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlreadyReceiving;

/// The state of one session.
#[derive(Debug)]
pub struct SockJsSession {
    phase: Phase,
    /// Framed messages for the client, each `a["…"]`.
    pending: VecDeque<Utf8Bytes>,
    pending_octets: usize,
    receiver: Option<Receiver>,
    /// When the last frame was taken, or the last receiver left.
    since: Instant,
    timing: Timing,
}

#[derive(Debug)]
enum Phase {
    Opening,
    Open,
    /// With the close frame, for everybody who asks, and whether anybody has had it.
    Closed {
        frame: SockJsFrame,
        told: bool,
    },
}

#[derive(Debug)]
struct Receiver {
    id: ReceiverId,
    /// A receiver on another gateway must be heard of until then.
    lease: Option<Instant>,
}

impl SockJsSession {
    /// A session whose open frame was not taken yet.
    pub fn new(timing: Timing, now: Instant) -> Self {
        let (phase, pending) = (Phase::Opening, VecDeque::new());
        Self {
            phase,
            pending,
            pending_octets: 0,
            receiver: None,
            since: now,
            timing,
        }
    }

    /// Makes this receiver the session's. A closed session with nothing left to say takes any number of them.
    ///
    /// # Errors
    /// There is one already.
    pub fn attach(
        &mut self,
        id: ReceiverId,
        lease: Option<Instant>,
    ) -> Result<(), AlreadyReceiving> {
        if self
            .receiver
            .as_ref()
            .is_some_and(|receiver| receiver.id != id)
        {
            return Err(AlreadyReceiving);
        }
        if !self.is_closed() || !self.pending.is_empty() {
            self.receiver = Some(Receiver { id, lease });
        }
        Ok(())
    }

    /// A receiver on another gateway was heard of, and must be again until `lease`.
    pub fn renew(&mut self, id: ReceiverId, lease: Instant) {
        if let Some(receiver) = self.receiver.as_mut().filter(|receiver| receiver.id == id) {
            receiver.lease = Some(lease);
        }
    }

    /// The next frame for this receiver, if there is one now.
    pub fn take(&mut self, id: ReceiverId, now: Instant) -> Option<SockJsFrame> {
        let attached = self
            .receiver
            .as_ref()
            .is_some_and(|receiver| receiver.id == id);
        let taken = match &mut self.phase {
            Phase::Opening if attached => {
                self.phase = Phase::Open;
                SockJsFrame {
                    text: frame::OPEN.into(),
                    last: false,
                }
            }
            _ if attached && !self.pending.is_empty() => SockJsFrame {
                text: self.join_pending(),
                last: false,
            },
            Phase::Closed { frame, told } => {
                *told = true;
                let close = frame.clone();
                if attached {
                    self.receiver = None;
                }
                close
            }
            // Attached to a session that this one never was, or taken for dead: it has to start anew.
            _ if !attached => interrupted_frame(),
            _ if now >= self.since + self.timing.heartbeat => SockJsFrame {
                text: frame::HEARTBEAT.into(),
                last: false,
            },
            _ => return None,
        };
        if attached {
            self.since = now;
        }
        Some(taken)
    }

    /// This receiver has all it wanted; the client will come back with another.
    pub fn release(&mut self, id: ReceiverId, now: Instant) {
        if self
            .receiver
            .as_ref()
            .is_some_and(|receiver| receiver.id == id)
        {
            self.receiver = None;
            self.since = now;
        }
    }

    /// This receiver broke off: what its client has read is unknown, so the session ends.
    pub fn abort(&mut self, id: ReceiverId, now: Instant) {
        if self
            .receiver
            .as_ref()
            .is_some_and(|receiver| receiver.id == id)
        {
            self.interrupt(now);
        }
    }

    /// The session cannot go on.
    pub fn interrupt(&mut self, now: Instant) {
        self.receiver = None;
        self.pending.clear();
        self.pending_octets = 0;
        self.since = now;
        if !self.is_closed() {
            self.phase = Phase::Closed {
                frame: interrupted_frame(),
                told: false,
            };
        }
    }

    /// Whether another message of this many octets may wait here.
    pub fn has_room(&self, octets: usize) -> bool {
        self.pending.is_empty() || self.pending_octets + octets <= PENDING_OCTETS_MAX
    }

    /// Queues a framed message for the client. Whoever does not ask [`Self::has_room`] first breaks the bound.
    pub fn push(&mut self, message: Utf8Bytes) {
        if !self.is_closed() {
            self.pending_octets += message.len();
            self.pending.push_back(message);
        }
    }

    /// Ends the session from this side, after what waits.
    pub fn close(&mut self, code: u16, reason: &str, now: Instant) {
        if !self.is_closed() {
            self.phase = Phase::Closed {
                frame: SockJsFrame::last(frame::close(code, reason)),
                told: false,
            };
            if self.receiver.is_none() {
                self.since = now;
            }
        }
    }

    /// Whether the session has ended, from whichever side.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. })
    }

    /// Whether the session has ended and a receiver has heard so.
    pub fn is_told(&self) -> bool {
        matches!(self.phase, Phase::Closed { told: true, .. })
    }

    /// When the receiver should get a heartbeat, if it gets nothing else until then.
    pub fn heartbeat_due(&self) -> Instant {
        self.since + self.timing.heartbeat
    }

    /// When [`Self::on_deadline`] has something to do, unless the session changes before.
    pub fn end_due(&self) -> Option<Instant> {
        match &self.receiver {
            None => Some(self.since + self.timing.disconnect_delay),
            Some(receiver) => receiver.lease,
        }
    }

    /// Ends the session when its client is gone. True when nothing is left of it, not even to tell that it ended.
    pub fn on_deadline(&mut self, now: Instant) -> bool {
        match &self.receiver {
            Some(Receiver {
                lease: Some(lease), ..
            }) if *lease <= now => self.interrupt(now),
            None if now >= self.since + self.timing.disconnect_delay => {
                self.interrupt(now);
                return true;
            }
            _ => {}
        }
        false
    }

    /// As many messages as fit one frame.
    fn join_pending(&mut self) -> Utf8Bytes {
        let mut octets = 0;
        let fits = |message: &&Utf8Bytes| {
            octets += message.len();
            octets <= FRAME_OCTETS_MAX
        };
        let count = self.pending.iter().take_while(fits).count().max(1);
        let joined = frame::join(
            self.pending
                .make_contiguous()
                .get(..count)
                .unwrap_or_default(),
        );
        self.pending_octets -= self
            .pending
            .drain(..count)
            .map(|message| message.len())
            .sum::<usize>();
        joined
    }
}

#[cfg(test)]
mod tests;
