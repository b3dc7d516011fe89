//! What the client library tells of a connection, kept for those who ask.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Event;
use metrics::Gauge;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Refused;
use super::refusal::Kind;
use crate::metric;

/// How long after the first connection a missing permission counts as found at start. Each daemon subscribes to and
/// declares what it needs right after connecting; a declaration that is not allowed shows itself by its time-out,
/// and is tried again meanwhile.
const PROVING_MAX: Duration = Duration::from_secs(10);

/// The side that hears.
#[derive(Debug)]
pub(super) struct State {
    connection: String,
    gauge: Gauge,
    connected: Arc<AtomicBool>,
    connections: watch::Sender<u64>,
    refused: watch::Sender<Option<Refused>>,
    troubled: watch::Sender<bool>,
    log: Mutex<Log>,
}

/// The side that is asked.
#[derive(Debug, Clone)]
pub(super) struct Watches {
    connected: Arc<AtomicBool>,
    pub(super) connections: watch::Receiver<u64>,
    pub(super) refused: watch::Receiver<Option<Refused>>,
    /// Whether an attempt at the first connection has failed.
    pub(super) troubled: watch::Receiver<bool>,
}

#[derive(Debug, Default)]
struct Log {
    first_connected: Option<Instant>,
    /// What was said last, so that the same trouble four times a second is one line.
    last: String,
}

impl State {
    pub(super) fn new(connection: &str) -> (Self, Watches) {
        let connected = Arc::new(AtomicBool::new(false));
        let (connections, count) = watch::channel(0);
        let (refused, refusal) = watch::channel(None);
        let (troubled, trouble) = watch::channel(false);
        for kind in Kind::ALL {
            count_refusals(connection, kind, 0);
        }
        let state = Self {
            connection: connection.to_owned(),
            gauge: metrics::gauge!(metric::NATS_CONNECTED, "connection" => connection.to_owned()),
            connected: Arc::clone(&connected),
            connections,
            refused,
            troubled,
            log: Mutex::default(),
        };
        let watches = Watches {
            connected,
            connections: count,
            refused: refusal,
            troubled: trouble,
        };
        (state, watches)
    }

    pub(super) fn on_event(&self, event: &Event) {
        let connection = self.connection.as_str();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Connected => {
                log.first_connected.get_or_insert_with(Instant::now);
                log.last.clear();
                self.connected.store(true, Ordering::Release);
                self.connections.send_modify(|count| *count += 1);
                self.gauge.set(1.0);
                tracing::info!(connection, "connected to NATS");
            }
            Event::Disconnected | Event::Closed => {
                self.connected.store(false, Ordering::Release);
                self.gauge.set(0.0);
                tracing::warn!(connection, "disconnected from NATS");
            }
            other => {
                let said = other.to_string();
                let kind = Kind::of(&said);
                if log.first_connected.is_none() {
                    self.troubled.send_replace(true);
                }
                if let Some(kind) = kind {
                    self.on_refusal(kind, &said, log.first_connected);
                }
                if log.last != said {
                    match kind {
                        Some(_) => tracing::error!(connection, event = said, "NATS refuses"),
                        None => tracing::warn!(connection, event = said, "NATS"),
                    }
                    log.last = said;
                }
            }
        }
    }

    fn on_refusal(&self, kind: Kind, said: &str, first_connected: Option<Instant>) {
        count_refusals(&self.connection, kind, 1);
        let at_start = match first_connected {
            None => true,
            Some(then) => !kind.is_of_connection() && then.elapsed() < PROVING_MAX,
        };
        if at_start {
            self.refused.send_if_modified(|refused| {
                let first = refused.is_none();
                if first {
                    *refused = Some(Refused {
                        connection: self.connection.clone(),
                        reason: said.to_owned(),
                    });
                }
                first
            });
        }
    }
}

impl Watches {
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }
}

/// What an error at the first connection means, if it is a refusal.
pub(super) fn explained(connection: &str, reason: String) -> Option<Refused> {
    let kind = Kind::of(&reason)?;
    count_refusals(connection, kind, 1);
    Some(Refused {
        connection: connection.to_owned(),
        reason,
    })
}

fn count_refusals(connection: &str, kind: Kind, times: u64) {
    let labels = [
        ("connection", connection.to_owned()),
        ("kind", kind.name().to_owned()),
    ];
    metrics::counter!(metric::NATS_REFUSALS, &labels).increment(times);
}

#[cfg(test)]
mod tests {
    use async_nats::{ClientError, ServerError};

    use super::*;

    fn violation() -> Event {
        let text = "Permissions Violation for Publish to \"ev.0.4\"";
        Event::ServerError(ServerError::Other(text.to_owned()))
    }

    fn unauthorized() -> Event {
        Event::ClientError(ClientError::Other("authorization violation".to_owned()))
    }

    fn is_refused(watches: &Watches) -> bool {
        watches.refused.borrow().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_no_refusal() {
        let (state, watches) = State::new("x");
        let text = "IO error: Connection refused (os error 111)";
        state.on_event(&Event::ClientError(ClientError::Other(text.to_owned())));
        assert!(!is_refused(&watches) && !watches.is_connected());
        state.on_event(&Event::Connected);
        assert!(!is_refused(&watches) && watches.is_connected());
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_connection_that_is_refused_is_final() {
        let (state, watches) = State::new("x");
        state.on_event(&unauthorized());
        assert!(is_refused(&watches));
    }

    #[tokio::test(start_paused = true)]
    async fn permissions_are_proved_right_after_connecting() {
        let (state, watches) = State::new("x");
        state.on_event(&Event::Connected);
        state.on_event(&violation());
        assert!(is_refused(&watches));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_later_ends_nothing() {
        let (state, watches) = State::new("x");
        state.on_event(&Event::Connected);
        tokio::time::advance(PROVING_MAX).await;
        state.on_event(&violation());
        state.on_event(&Event::Disconnected);
        state.on_event(&unauthorized());
        assert!(!is_refused(&watches));
    }
}
