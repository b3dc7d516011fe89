//! What the road of events counts and measures, looked up once and not at every event.

use std::sync::Arc;

use metrics::{Counter, Histogram};
use shared::event::ChatEvent;
use shared::id::EventId;
use shared::{clock, metric};

use crate::end_to_end::EndToEnd;

/// The meters of one gateway; cheap to clone.
#[derive(Clone)]
pub(super) struct Meters {
    inner: Arc<Inner>,
}

struct Inner {
    received: Counter,
    deliveries: Counter,
    fan_out: Histogram,
    delivery_seconds: Histogram,
    end_to_end: EndToEnd,
}

impl Meters {
    pub(super) fn new(end_to_end: EndToEnd) -> Self {
        Self {
            inner: Arc::new(Inner {
                received: metrics::counter!(metric::EVENTS_RECEIVED),
                deliveries: metrics::counter!(metric::DELIVERIES),
                fan_out: metrics::histogram!(metric::FAN_OUT),
                delivery_seconds: metrics::histogram!(metric::DELIVERY_SECONDS),
                end_to_end,
            }),
        }
    }

    /// So many events came from NATS.
    pub(super) fn received(&self, events: usize) {
        self.inner.received.increment(events as u64);
    }

    /// An event is about to be delivered.
    pub(super) fn age(&self, event: &ChatEvent) {
        let micros = clock::now()
            .micros()
            .saturating_sub(event.event_time.micros());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a measured time needs no 53 bits"
        )]
        let seconds = micros.max(0) as f64 / 1e6;
        self.inner.delivery_seconds.record(seconds);
    }

    /// It was handed to so many subscriptions.
    pub(super) fn delivered(&self, event: EventId, subscriptions: usize) {
        if subscriptions > 0 {
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 subscriptions")]
            self.inner.fan_out.record(subscriptions as f64);
            self.inner.end_to_end.on_delivered(event);
        }
    }

    /// That made so many deliveries, of one event or of several.
    pub(super) fn deliveries(&self, deliveries: usize) {
        self.inner.deliveries.increment(deliveries as u64);
    }
}
