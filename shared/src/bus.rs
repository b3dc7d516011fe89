//! The connection to NATS.
//!
//! Every awaited call on it needs a time-out of its own: while disconnected, `publish` waits without bound and
//! may still send later (design, pitfall 3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::watch;

use crate::metric;

/// A silent server is noticed after two of these.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// Wait before reconnecting for the second time in a row, and longest wait after that.
const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(100);
const RECONNECT_DELAY_MAX: Duration = Duration::from_millis(250);

/// Longest wait for a TCP connection and NATS's greeting.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// A NATS connection that knows whether it is up.
#[derive(Debug, Clone)]
pub struct Bus {
    /// The connection itself.
    pub client: Client,
    connected: Arc<AtomicBool>,
    reconnects: watch::Receiver<u64>,
}

impl Bus {
    /// Starts connecting and returns at once: NATS may come up later, and the log says that it is awaited.
    pub async fn connect(
        name: &str,
        servers: &[ServerAddr],
    ) -> Result<Self, async_nats::ConnectError> {
        let connected = Arc::new(AtomicBool::new(false));
        let (count, reconnects) = watch::channel(0_u64);
        let state = Arc::clone(&connected);
        let gauge = metrics::gauge!(metric::NATS_CONNECTED, "connection" => name.to_owned());
        let connection = name.to_owned();
        let client = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .connection_timeout(CONNECT_MAX)
            .ping_interval(PING_INTERVAL)
            .reconnect_delay_callback(|attempt| match attempt {
                0 | 1 => Duration::ZERO,
                2 => RECONNECT_DELAY_MIN,
                _ => RECONNECT_DELAY_MAX,
            })
            .event_callback(move |event| {
                match &event {
                    Event::Connected => {
                        state.store(true, Ordering::Release);
                        count.send_modify(|count| *count += 1);
                        gauge.set(1.0);
                        tracing::info!(connection, "connected to NATS");
                    }
                    Event::Disconnected | Event::Closed => {
                        state.store(false, Ordering::Release);
                        gauge.set(0.0);
                        tracing::warn!(connection, "disconnected from NATS");
                    }
                    other => tracing::warn!(connection, event = %other, "NATS"),
                }
                std::future::ready(())
            })
            .connect(servers)
            .await?;
        Ok(Self {
            client,
            connected,
            reconnects,
        })
    }

    /// Whether the connection is up, as far as this side knows.
    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    /// Changes with every connection made. A request sent after such a change reaches the server after all
    /// subscriptions, since the client renews those first.
    pub fn connections(&self) -> watch::Receiver<u64> {
        self.reconnects.clone()
    }

    /// Waits until the connection is up.
    pub async fn wait_connected(&self) {
        let mut connections = self.connections();
        while !self.is_connected() {
            if connections.changed().await.is_err() {
                // The client is gone, which only happens while the process ends.
                std::future::pending::<()>().await;
            }
        }
    }
}
