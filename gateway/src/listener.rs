//! The port that clients connect to: takes TCP connections and has HTTP/1 spoken on them, inside TLS if so set.
//!
//! axum's own server has no deadline for the head of a request: whoever connects and says nothing, or one octet a
//! minute, would be kept for ever. Here there is one. Upgraded connections leave this module's care, but keep the
//! TCP options set here: one whose client vanished without a word, and never promised heart-beats, is found out by
//! TCP itself.

pub mod stream;
pub mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt;
use shared::lifecycle::Lifecycle;
use shared::metric;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::stream::ClientStream;
use self::tls::{NotSecured, Tls};
use crate::admission::{Admission, Place, TurnedAway};
use crate::client_address::Peer;
use crate::{arrivals, handshake};

/// Most connections that wait in the kernel to be taken. Beyond it the kernel drops what a newcomer says first, who says
/// it again after a second, or three; with tokio's 1,024, that is what a storm of 5,000 took longer. As many as Linux
/// allows by default (`net.core.somaxconn`).
const BACKLOG_MAX: u32 = 4_096;

/// Wait after a connection could not be taken, which mostly means that there are no file descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// How often it is said that connections cannot be taken, for as long as that goes on.
const ACCEPT_COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// A connection silent for so long is asked whether it still lives, so often and so many times before it counts as
/// dead.
const KEEP_ALIVE_IDLE: Duration = Duration::from_mins(1);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_PROBES_MAX: u32 = 3;

/// Longest head of a request, in octets; a longer one is answered with 431. A token and many cookies fit.
const REQUEST_HEAD_OCTETS_MAX: usize = 32 << 10;

/// How many clients are told at a time why they are turned away; further ones are cut off without a word, so that
/// a flood costs next to nothing.
const TURNED_AWAY_AT_ONCE_MAX: usize = 64;

/// Longest time that telling one of them may take.
const TURN_AWAY_MAX: Duration = Duration::from_secs(5);

/// What the listener goes by; cheap to clone.
#[derive(Debug, Clone)]
pub struct Door {
    /// Longest wait for the head of a new connection's first request.
    pub first_head_max: Duration,
    /// Longest wait for the head of a request, on a new connection or between two requests.
    pub head_max: Duration,
    /// Decides who is let in.
    pub admission: Admission,
    /// Spoken when there is one.
    pub tls: Option<Tls>,
}

/// Listens on an address, with room for thousands who come at once.
///
/// # Errors
/// The address is taken, or is not this machine's; or a TCP option is not known here.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A restart must not wait for the connections of the one before to time out.
    socket.set_reuseaddr(true)?;
    set_options(&socket)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_MAX)
}

/// Serves until the process is asked to stop; connections then finish the request they are at. Who comes after that
/// and until the `last_call` is served one request, which finds most things closed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    door: Door,
    life: Lifecycle,
    last_call: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(door.head_max)
        .max_buf_size(REQUEST_HEAD_OCTETS_MAX);
    let turning_away = Arc::new(Semaphore::new(TURNED_AWAY_AT_ONCE_MAX));
    let closed = CancellationToken::new();
    let _closing = closed.clone().drop_guard();
    let mut last_call = pin!(last_call);
    let mut complaint: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut last_call => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                metrics::counter!(metric::ACCEPT_ERRORS).increment(1);
                if complaint.is_none_or(|last| last.elapsed() > ACCEPT_COMPLAINT_INTERVAL) {
                    tracing::warn!(%error, "connections cannot be taken");
                    complaint = Some(Instant::now());
                }
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        let peer = Peer::new(address, door.tls.is_some());
        let client = Client {
            http: http.clone(),
            stream,
            peer,
            door: door.clone(),
        };
        match door.admission.connection(peer) {
            Ok(place) if life.is_stopping() => {
                let stopping = std::future::ready(());
                let client = client.once();
                let task = client.serve(router.clone(), place, stopping, closed.clone());
                arrivals::spawn(&life, Box::pin(task));
            }
            Ok(place) => {
                let stopping = life.clone();
                let stopping = async move { stopping.stopping().await };
                let task = client.serve(router.clone(), place, stopping, closed.clone());
                arrivals::spawn(&life, Box::pin(task));
            }
            Err(reason) => {
                reason.record(peer.address);
                if let Ok(permit) = Arc::clone(&turning_away).try_acquire_owned() {
                    life.spawn(async move {
                        let telling = client.turn_away(reason);
                        // In vain if the client does not listen.
                        let _ = tokio::time::timeout(TURN_AWAY_MAX, telling).await;
                        drop(permit);
                    });
                }
            }
        }
    }
}

/// A connection that was just taken.
struct Client {
    http: http1::Builder,
    stream: TcpStream,
    peer: Peer,
    door: Door,
}

impl Client {
    /// The same, for one request.
    fn once(mut self) -> Self {
        self.http.keep_alive(false);
        self
    }

    /// Speaks HTTP on the connection, to the end of the request that is under way when the process is `stopping`. A
    /// first request is still awaited then, until everything is `closed`: whoever was let in a moment ago would
    /// otherwise be cut off without a word.
    async fn serve(
        self,
        router: Router,
        place: Place,
        stopping: impl Future<Output = ()>,
        closed: CancellationToken,
    ) {
        let Self {
            http,
            stream,
            peer,
            door,
        } = self;
        let stream = match open(stream, door.tls.as_ref()).await {
            Ok(stream) => stream,
            Err(not_secured) => return not_secured.tell(peer),
        };
        let place = Arc::new(place);
        let has_asked = CancellationToken::new();
        let asked = has_asked.clone();
        let router = TowerToHyperService::new(router);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            asked.cancel();
            request.extensions_mut().insert(peer);
            // An upgraded connection keeps its place when it leaves this task.
            request.extensions_mut().insert(Arc::clone(&place));
            let is_to_be_answered = !handshake::is_wanted(request.headers());
            let router = router.clone();
            async move {
                // A WebSocket is still on its way in; whatever else is asked may last as long, and is served among those
                // who are in, with its connection.
                if is_to_be_answered {
                    arrivals::settle().await;
                }
                router.call(request).await
            }
        });
        let connection = http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let mut first_deadline = pin!(tokio::time::sleep(door.first_head_max));
        let mut closing_time = pin!(async {
            stopping.await;
            tokio::select! {
                () = has_asked.cancelled() => {}
                () = closed.cancelled() => {}
            }
        });
        let (mut is_new, mut is_closing) = (true, false);
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = &mut closing_time, if !is_closing => {
                    is_closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut first_deadline, if is_new => {
                    is_new = false;
                    if !has_asked.is_cancelled() {
                        metrics::counter!(metric::TURNED_AWAY, "reason" => "no_request").increment(1);
                        return tracing::debug!(client.address = %peer.address, "no request came");
                    }
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "an HTTP connection ended early");
        }
    }

    /// Answers whatever is asked with the reason, once.
    async fn turn_away(self, reason: TurnedAway) {
        let Self {
            http,
            stream,
            peer,
            door,
        } = self.once();
        let stream = match open(stream, door.tls.as_ref()).await {
            Ok(stream) => stream,
            Err(not_secured) => return not_secured.tell(peer),
        };
        let service = service_fn(move |_: hyper::Request<Incoming>| async move {
            Ok::<hyper::Response<Body>, std::convert::Infallible>(reason.into_response())
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.await {
            tracing::debug!(%error, "who was turned away did not hear why");
        }
    }
}

async fn open(stream: TcpStream, tls: Option<&Tls>) -> Result<ClientStream, NotSecured> {
    match tls {
        Some(tls) => tls.accept(stream.into()).await,
        None => Ok(ClientStream::Plain(stream.into())),
    }
}

impl NotSecured {
    fn tell(self, peer: Peer) {
        let error = &self.error;
        metrics::counter!(metric::TURNED_AWAY, "reason" => "tls").increment(1);
        tracing::debug!(client.address = %peer.address, %error, "no TLS connection came of a TCP connection");
    }
}

/// Sets the TCP options of all connections: the kernel gives each what the listening socket has.
fn set_options(socket: &TcpSocket) -> io::Result<()> {
    // Small frames must not wait for more to fill a packet.
    socket.set_nodelay(true)?;
    socket.set_keepalive(true)?;
    sockopt::set_tcp_keepidle(socket, KEEP_ALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEP_ALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEP_ALIVE_PROBES_MAX)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_watched_by_tcp_itself() {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (_client, accepted) = tokio::join!(client, listener.accept());
        let (stream, _) = accepted.unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(sockopt::socket_keepalive(&stream), Ok(true));
        assert_eq!(sockopt::tcp_keepidle(&stream), Ok(KEEP_ALIVE_IDLE));
        assert_eq!(sockopt::tcp_keepintvl(&stream), Ok(KEEP_ALIVE_INTERVAL));
        assert_eq!(sockopt::tcp_keepcnt(&stream), Ok(KEEP_ALIVE_PROBES_MAX));
    }
}
