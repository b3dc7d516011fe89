//! The port that clients connect to: takes TCP connections and has HTTP/1 spoken on them.
//!
//! axum's own server has no deadline for the head of a request: whoever connects and says nothing, or one octet a
//! minute, would be kept for ever. Here there is one. Upgraded connections leave this module's care, but keep the
//! TCP options set here: one whose client vanished without a word, and never promised heart-beats, is found out by
//! TCP itself.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt;
use shared::lifecycle::Lifecycle;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::client_address::Peer;

/// Wait after a connection could not be taken, which mostly means that there are no file descriptors left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A connection silent for so long is asked whether it still lives, so often and so many times before it counts as
/// dead.
const KEEP_ALIVE_IDLE: Duration = Duration::from_mins(1);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_PROBES_MAX: u32 = 3;

/// Serves until the process is asked to stop; connections then finish the request they are at. Who comes after that
/// and until the `last_call` is served one request, which finds most things closed.
///
/// `head_max` is the longest wait for the head of a request, on a new connection or between two requests.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    head_max: Duration,
    life: Lifecycle,
    last_call: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_max);
    let closed = CancellationToken::new();
    let _closing = closed.clone().drop_guard();
    let mut last_call = pin!(last_call);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut last_call => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let (http, router) = (http.clone(), router.clone());
                let peer = Peer::new(address);
                if life.is_stopping() {
                    let closed = closed.clone().cancelled_owned();
                    life.spawn(connection(once(http), stream, peer, router, closed));
                } else {
                    let stopping = life.clone();
                    let stopping = async move { stopping.stopping().await };
                    life.spawn(connection(http, stream, peer, router, stopping));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// For connections that end after one request.
fn once(mut http: http1::Builder) -> http1::Builder {
    http.keep_alive(false);
    http
}

/// Speaks HTTP on a connection, to the end of the request that is under way at `closing_time`.
async fn connection(
    http: http1::Builder,
    stream: TcpStream,
    peer: Peer,
    router: Router,
    closing_time: impl Future<Output = ()>,
) {
    if let Err(error) = prepare(&stream) {
        // The client may be gone already; if so, that shows in a moment.
        tracing::debug!(%error, "TCP options could not be set");
    }
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing_time => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    // Small frames must not wait for more to fill a packet.
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEP_ALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEP_ALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEP_ALIVE_PROBES_MAX)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_watched_by_tcp_itself() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (_client, accepted) = tokio::join!(client, listener.accept());
        let (stream, _) = accepted.unwrap();
        prepare(&stream).unwrap();
        assert!(stream.nodelay().unwrap());
        assert_eq!(sockopt::socket_keepalive(&stream), Ok(true));
        assert_eq!(sockopt::tcp_keepidle(&stream), Ok(KEEP_ALIVE_IDLE));
        assert_eq!(sockopt::tcp_keepintvl(&stream), Ok(KEEP_ALIVE_INTERVAL));
        assert_eq!(sockopt::tcp_keepcnt(&stream), Ok(KEEP_ALIVE_PROBES_MAX));
    }
}
