//! Finds the session that a request is for: held here, held by another gateway, or new.
//!
//! Load balancers need not send the requests of one session to one gateway. Sessions over the HTTP transports
//! live on the gateway that got their first request; the others pass requests on ([`super::relay`]).

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use shared::bus::Bus;
use shared::lifecycle::Lifecycle;

use super::handle::{Appetite, NotAccepted, SessionHandle};
use super::iframe::IframePage;
use super::keeper::{CLAIM_WAIT_MAX, Keeper};
use super::path::SessionKey;
use super::receiver::Receiver;
use super::registry::{Inserted, Registry};
use super::relay::{self, Answer, NoAnswer, Question};
use super::session::Timing;
use crate::admission::TurnedAway;
use crate::arrivals;
use crate::client_address::ClientAddress;
use crate::config::SockJsConfig;
use crate::connection::Connections;
use crate::origins::AllowedOrigins;
use crate::transport::sockjs_http::SockJsHttp;

/// How often a request looks for its session anew when another gateway opens it at the same moment.
const ATTEMPTS_MAX: usize = 3;

/// What a client that could not be served should wait, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// Everything the HTTP transports need; cheap to clone.
#[derive(Clone)]
pub struct SockJs {
    inner: Arc<Inner>,
}

struct Inner {
    connections: Arc<Connections>,
    bus: Bus,
    registry: Registry,
    timing: Timing,
    iframe: IframePage,
    stream_octets_max: usize,
}

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unserved {
    /// There is no such session.
    Unknown,
    /// Not now: too many sessions, NATS is away, the process is stopping, the session does not read.
    Unavailable,
    /// No new sessions at the moment, or not from this address.
    TurnedAway(TurnedAway),
    /// The body is longer than gateways pass on to each other.
    TooLong,
}

/// Why no session was made.
enum NotMade {
    /// Another request makes it, here or on another gateway.
    Taken,
    Unavailable,
    TurnedAway(TurnedAway),
}

impl SockJs {
    /// Sessions that are served as `connections` and found through `bus`, for pages of these origins.
    pub fn new(
        connections: Arc<Connections>,
        bus: Bus,
        config: &SockJsConfig,
        origins: &AllowedOrigins,
    ) -> Self {
        let timing = Timing {
            heartbeat: config.sockjs_heartbeat,
            disconnect_delay: config.sockjs_disconnect_delay,
        };
        let registry = Registry::new(config.sockjs_sessions_max as usize);
        let iframe = IframePage::new(&config.sockjs_client_url, origins);
        let stream_octets_max = config.sockjs_stream_octets_max as usize;
        Self {
            inner: Arc::new(Inner {
                connections,
                bus,
                registry,
                timing,
                iframe,
                stream_octets_max,
            }),
        }
    }

    /// The life of the process.
    pub fn life(&self) -> &Lifecycle {
        &self.inner.connections.life
    }

    /// Ends when the process is stopping and no session is left here. Until then the port stays open: a client that
    /// polls could not be told of the end otherwise, nor be answered what it sent.
    pub async fn last_call(self) {
        self.life().stopping().await;
        self.registry().emptied().await;
    }

    /// The connection to the other gateways.
    pub fn bus(&self) -> &Bus {
        &self.inner.bus
    }

    /// The sessions held here.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The page for old browsers.
    pub fn iframe(&self) -> &IframePage {
        &self.inner.iframe
    }

    /// Most octets of a streaming response before the client has to ask for another.
    pub fn stream_octets_max(&self) -> usize {
        self.inner.stream_octets_max
    }

    /// Longest STOMP frame, in octets.
    pub fn frame_octets_max(&self) -> usize {
        self.inner.connections.limits.decode.frame_octets_max
    }

    /// Attaches a receiving request of `client` to its session, which it opens if there is none. `transport` names
    /// the connection then.
    ///
    /// # Errors
    /// Why that is not possible.
    pub async fn receive(
        &self,
        key: &SessionKey,
        appetite: Appetite,
        transport: &'static str,
        client: ClientAddress,
    ) -> Result<Receiver, Unserved> {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(handle) = self.registry().get(key) {
                return Ok(Receiver::here(handle, appetite).await);
            }
            match Receiver::elsewhere(self, key, appetite).await {
                Ok(receiver) => return Ok(receiver),
                Err(NoAnswer::NoHolder) => {}
                Err(NoAnswer::Unreachable | NoAnswer::TooLong) => {
                    return Err(Unserved::Unavailable);
                }
            }
            match self.open(key, appetite, transport, client).await {
                Ok(receiver) => return Ok(receiver),
                Err(NotMade::Taken) => {}
                Err(NotMade::Unavailable) => return Err(Unserved::Unavailable),
                Err(NotMade::TurnedAway(reason)) => return Err(Unserved::TurnedAway(reason)),
            }
        }
        Err(Unserved::Unavailable)
    }

    /// Hands messages from the client to its session.
    ///
    /// # Errors
    /// Why they did not reach it.
    pub async fn send(&self, key: &SessionKey, messages: Vec<String>) -> Result<(), Unserved> {
        if let Some(handle) = self.registry().get(key) {
            return handle
                .accept(messages)
                .await
                .map_err(|not_accepted| match not_accepted {
                    NotAccepted::Gone => Unserved::Unknown,
                    NotAccepted::Busy => Unserved::Unavailable,
                });
        }
        match relay::ask_twice(self.bus(), key, &Question::Send { messages }).await {
            Ok(Answer::Nothing) => Ok(()),
            Ok(Answer::Gone) | Err(NoAnswer::NoHolder) => Err(Unserved::Unknown),
            Ok(Answer::Busy | Answer::Frame { .. }) | Err(NoAnswer::Unreachable) => {
                Err(Unserved::Unavailable)
            }
            Err(NoAnswer::TooLong) => Err(Unserved::TooLong),
        }
    }

    /// Opens a session here, with its first receiver.
    async fn open(
        &self,
        key: &SessionKey,
        appetite: Appetite,
        transport: &'static str,
        client: ClientAddress,
    ) -> Result<Receiver, NotMade> {
        if self.life().is_stopping() {
            return Err(NotMade::Unavailable);
        }
        // The listener takes a request with `Upgrade: websocket` for a client on its way in; this one has arrived, and what
        // is spawned for it must not stay behind.
        arrivals::settle().await;
        let admission = &self.inner.connections.admission;
        let held = admission.session_over_http(client).map_err(|reason| {
            reason.record(client.0);
            NotMade::TurnedAway(reason)
        })?;
        let (handle, inbound) = SessionHandle::new(self.inner.timing);
        match self.registry().insert(key, &handle) {
            Inserted::Yes => {}
            Inserted::Exists => return Err(NotMade::Taken),
            Inserted::Full => {
                tracing::warn!("too many SockJS sessions; a client was turned away");
                return Err(NotMade::Unavailable);
            }
        }
        let receiver = Receiver::here(Arc::clone(&handle), appetite).await;
        let (keeper, claimed) = Keeper::new(self.clone(), key.clone(), Arc::clone(&handle));
        self.life().spawn(keeper.run());
        match tokio::time::timeout(CLAIM_WAIT_MAX, claimed).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(NotMade::Taken),
            Err(_) => {
                handle.interrupt();
                self.registry().remove(key, &handle);
                return Err(NotMade::Unavailable);
            }
        }
        let connections = Arc::clone(&self.inner.connections);
        let transport = SockJsHttp::new(transport, handle, inbound);
        self.life()
            .spawn_boxed(connections.serve(transport, client, held));
        Ok(receiver)
    }
}

impl IntoResponse for Unserved {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => {
                (StatusCode::NOT_FOUND, "Session is unknown or has ended.\n").into_response()
            }
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                [(RETRY_AFTER, RETRY_AFTER_SECONDS)],
                "Try again later.\n",
            )
                .into_response(),
            Self::TurnedAway(reason) => reason.into_response(),
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        }
    }
}
