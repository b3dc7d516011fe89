//! How long it takes from a SEND to the subscribers, as one gateway can know it: by its own monotonic clock, with no
//! other machine's word on the time.
//!
//! Two tasks know half of it each, and either may be first. The command's task knows when the SEND came and, from the
//! outcome, which event it led to; the fan-out knows when it handed that event to this gateway's subscribers. They meet
//! in two tables of single words, indexed by the event's id: each leaves its half and looks for the other one. So the
//! road of events pays two atomic operations per event, however many follow the chat, and never waits for anybody.
//!
//! Not measured: events whose SEND came to another gateway (that one measures it, if somebody there follows the chat),
//! chats that nobody here follows, and events that met with a newer one of the same slot. The socket itself is not in it
//! either; what waits there is `gateway_outbound_octets`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::Histogram;
use shared::id::EventId;
use shared::metric;

/// Halves kept, each of 8 octets. The two halves of an event come within milliseconds of each other, so this is room
/// for the events of a long moment; a half that is overwritten is one measurement less.
const SLOTS: usize = 8_192;

/// Both tables; cheap to clone.
#[derive(Clone)]
pub struct EndToEnd {
    inner: Arc<Inner>,
}

struct Inner {
    start: Instant,
    sent: Box<[AtomicU64]>,
    delivered: Box<[AtomicU64]>,
    seconds: Histogram,
}

/// One half: which event (the low 32 bits of its id), and when, in microseconds since the start (modulo 2^32, which is
/// over an hour). In one word, so that it is never read half written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Half {
    event: u32,
    micros: u32,
}

impl Half {
    const fn pack(self) -> u64 {
        ((self.event as u64) << 32) | self.micros as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "each half of the word")]
    const fn unpack(word: u64) -> Self {
        Self {
            event: (word >> 32) as u32,
            micros: word as u32,
        }
    }

    /// Time from `sent` to `self`. `None` when it was the other way round: a repetition of a command whose event had
    /// been delivered before.
    fn since(self, sent: Self) -> Option<Duration> {
        let micros = self.micros.wrapping_sub(sent.micros);
        (micros <= u32::MAX / 2).then(|| Duration::from_micros(micros.into()))
    }
}

impl Default for EndToEnd {
    fn default() -> Self {
        let table = || (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self {
            inner: Arc::new(Inner {
                start: Instant::now(),
                sent: table(),
                delivered: table(),
                seconds: metrics::histogram!(metric::END_TO_END_SECONDS),
            }),
        }
    }
}

impl EndToEnd {
    /// A SEND that came at `sent` is stored as this event.
    pub fn on_stored(&self, event: EventId, sent: Instant) {
        if let Some(took) = self.stored(event, sent) {
            self.inner.seconds.record(took);
        }
    }

    /// This event was just handed to subscribers.
    pub fn on_delivered(&self, event: EventId) {
        if let Some(took) = self.delivered(event, Instant::now()) {
            self.inner.seconds.record(took);
        }
    }

    fn stored(&self, event: EventId, sent: Instant) -> Option<Duration> {
        let (slot, sent) = self.half(event, sent);
        // Sequentially consistent, here and below: of two halves that come at once, one at least sees the other.
        self.inner.sent[slot].store(sent.pack(), Ordering::SeqCst);
        let delivered = Half::unpack(self.inner.delivered[slot].load(Ordering::SeqCst));
        (delivered.event == sent.event && self.take(slot, sent))
            .then(|| delivered.since(sent))
            .flatten()
    }

    fn delivered(&self, event: EventId, now: Instant) -> Option<Duration> {
        let (slot, delivered) = self.half(event, now);
        self.inner.delivered[slot].store(delivered.pack(), Ordering::SeqCst);
        let sent = Half::unpack(self.inner.sent[slot].load(Ordering::SeqCst));
        (sent.event == delivered.event && self.take(slot, sent))
            .then(|| delivered.since(sent))
            .flatten()
    }

    /// Takes the half of the SEND away, so that of two who see each other only one measures.
    fn take(&self, slot: usize, sent: Half) -> bool {
        self.inner.sent[slot]
            .compare_exchange(sent.pack(), 0, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "low bits are meant, and ids are positive"
    )]
    fn half(&self, event: EventId, at: Instant) -> (usize, Half) {
        let since = at.saturating_duration_since(self.inner.start);
        let half = Half {
            event: event.get() as u32,
            micros: since.as_micros() as u32,
        };
        (event.get() as usize % SLOTS, half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: i64) -> EventId {
        id.try_into().unwrap()
    }

    #[test]
    fn the_halves_may_come_in_any_order() {
        let (both, start) = (EndToEnd::default(), Instant::now());
        let later = start + Duration::from_millis(3);
        assert_eq!(both.stored(event(7), start), None);
        assert_eq!(
            both.delivered(event(7), later),
            Some(Duration::from_millis(3))
        );
        assert_eq!(both.delivered(event(8), later), None);
        assert_eq!(both.stored(event(8), start), Some(Duration::from_millis(3)));
        // Each is measured once.
        assert_eq!(both.delivered(event(7), later), None);
        assert_eq!(both.stored(event(9), start), None);
    }

    #[test]
    fn halves_of_different_events_do_not_meet() {
        let (both, now) = (EndToEnd::default(), Instant::now());
        assert_eq!(both.stored(event(1), now), None);
        let same_slot = event(1 + i64::try_from(SLOTS).unwrap());
        assert_eq!(both.delivered(same_slot, now), None);
        assert_eq!(both.stored(event(1), now), None, "overwritten");
    }

    #[test]
    fn a_repetition_of_what_was_delivered_before_is_not_measured() {
        let (both, start) = (EndToEnd::default(), Instant::now());
        assert_eq!(both.delivered(event(5), start), None);
        let later = start + Duration::from_secs(1);
        assert_eq!(both.stored(event(5), later), None);
    }

    #[test]
    fn of_two_who_meet_one_measures() {
        let (both, now) = (EndToEnd::default(), Instant::now());
        let measured: usize = std::thread::scope(|scope| {
            let stored = scope.spawn(|| {
                (1..5_000)
                    .filter(|id| both.stored(event(*id), now).is_some())
                    .count()
            });
            let delivered = scope.spawn(|| {
                (1..5_000)
                    .filter(|id| both.delivered(event(*id), now).is_some())
                    .count()
            });
            stored.join().unwrap() + delivered.join().unwrap()
        });
        assert_eq!(measured, 4_999);
    }
}
