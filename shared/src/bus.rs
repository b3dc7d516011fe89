//! The connection to NATS.
//!
//! Every awaited call on it needs a time-out of its own: while disconnected, `publish` waits without bound and
//! may still send later (design, pitfall 3).
//!
//! Credentials and certificates are read again for each connection. What NATS does not let us do is logged and
//! counted; at start it is a reason to give up ([`Bus::refused`]), since waiting does not help against it.

pub(crate) mod credentials;
mod refusal;
mod state;

use std::sync::Arc;
use std::time::Duration;

use async_nats::{AuthError, Client, ConnectOptions};
use tokio::sync::watch;

use self::credentials::Credentials;
use self::state::{State, Watches, explained};
use crate::config::NatsConfig;

/// A silent server is noticed after two of these.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// Wait before reconnecting for the second time in a row, and longest wait after that.
const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(100);
const RECONNECT_DELAY_MAX: Duration = Duration::from_millis(250);

/// Longest wait for a TCP connection and NATS's greeting.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Attempts of our own to find out why there is no first connection, and wait between them. More than one, since a
/// server that does not take a certificate may close before the reason is read.
const EXPLANATIONS_MAX: u32 = 5;
const EXPLANATION_INTERVAL: Duration = Duration::from_secs(1);

/// A NATS connection that knows whether it is up.
#[derive(Debug, Clone)]
pub struct Bus {
    /// The connection itself.
    pub client: Client,
    name: Arc<str>,
    config: Arc<NatsConfig>,
    watches: Watches,
}

/// NATS does not let this process do what it has to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("NATS refuses the connection {connection:?}: {reason}")]
pub struct Refused {
    /// Which connection.
    pub connection: String,
    /// In NATS's words.
    pub reason: String,
}

impl Bus {
    /// Starts connecting and returns at once: NATS may come up later, and the log says that it is awaited.
    ///
    /// `inbox` is where answers to this process arrive ([`crate::subject`]): each service has its own, so that
    /// permissions can keep one from reading another's.
    pub async fn connect(
        name: &str,
        inbox: &str,
        config: &NatsConfig,
    ) -> Result<Self, async_nats::ConnectError> {
        let (state, watches) = State::new(name);
        let state = Arc::new(state);
        let client = options(config)
            .name(name)
            .custom_inbox_prefix(inbox)
            .retry_on_initial_connect()
            .connection_timeout(CONNECT_MAX)
            .ping_interval(PING_INTERVAL)
            .reconnect_delay_callback(|attempt| match attempt {
                0 | 1 => Duration::ZERO,
                2 => RECONNECT_DELAY_MIN,
                _ => RECONNECT_DELAY_MAX,
            })
            .event_callback(move |event| {
                state.on_event(&event);
                std::future::ready(())
            })
            .connect(&config.nats_url)
            .await?;
        Ok(Self {
            client,
            name: name.into(),
            config: Arc::new(config.clone()),
            watches,
        })
    }

    /// Whether the connection is up, as far as this side knows.
    pub fn is_connected(&self) -> bool {
        self.watches.is_connected()
    }

    /// Changes with every connection made. A request sent after such a change reaches the server after all
    /// subscriptions, since the client renews those first.
    pub fn connections(&self) -> watch::Receiver<u64> {
        self.watches.connections.clone()
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

    /// Ends when it shows at start that this process may not do what it has to do: the first connection is
    /// refused, or something on it is. Later refusals, as after a change on the server, are logged and counted
    /// only: the process goes on with what it still may do, and tries again.
    pub async fn refused(&self) -> Refused {
        let told = async {
            let mut refused = self.watches.refused.clone();
            match refused.wait_for(Option::is_some).await {
                Ok(refused) => refused.clone().expect("this is what was waited for"),
                // As above.
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            refused = told => refused,
            refused = self.found_out() => refused,
        }
    }

    /// Finds out why there is no first connection. The client library tells of a failed one by a word ("IO error")
    /// and keeps the cause to itself, be it a server that is not up yet or a certificate that nobody accepts.
    async fn found_out(&self) -> Refused {
        let mut troubled = self.watches.troubled.clone();
        if troubled.wait_for(|troubled| *troubled).await.is_ok() {
            for attempt in 0..EXPLANATIONS_MAX {
                if self.is_connected() {
                    break;
                }
                let Err(error) = self.attempt().await else {
                    break;
                };
                let connection = &*self.name;
                let reason = error.to_string();
                if attempt == 0 {
                    tracing::warn!(connection, error = reason, "NATS cannot be reached");
                }
                if let Some(refused) = explained(connection, reason) {
                    return refused;
                }
                tokio::time::sleep(EXPLANATION_INTERVAL).await;
            }
        }
        std::future::pending().await
    }

    /// One connection of the same kind, for its error's sake.
    async fn attempt(&self) -> Result<(), async_nats::ConnectError> {
        options(&self.config)
            .name(format!("{}, trying", self.name))
            .connection_timeout(CONNECT_MAX)
            .connect(&self.config.nats_url)
            .await
            .map(drop)
    }
}

/// Who we are and whom we trust.
fn options(config: &NatsConfig) -> ConnectOptions {
    let mut options = match config.credentials() {
        Credentials::None => ConnectOptions::new(),
        credentials => ConnectOptions::with_auth_callback(move |nonce| {
            // A small file, read once per connection: not worth a thread.
            let proof = credentials
                .read()
                .map_err(AuthError::new)
                .and_then(|secret| secret.prove(&nonce).map_err(AuthError::new));
            std::future::ready(proof)
        }),
    };
    if let Some(file) = &config.nats_ca_file {
        options = options
            .add_root_certificates(file.clone())
            .require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (&config.nats_certificate_file, &config.nats_key_file) {
        options = options
            .add_client_certificate(certificate.clone(), key.clone())
            .require_tls(true);
    }
    options
}
