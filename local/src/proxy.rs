//! A TCP proxy on loopback that can be told to misbehave: cut what goes through it, refuse what comes, hold
//! everything up.
//!
//! It knows nothing of what it carries. A cut falls anywhere, also inside a frame.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Most octets held per direction and connection.
const CHUNK_OCTETS: usize = 16 * 1024;

/// Where connections lead.
#[derive(Debug, Clone)]
pub enum Target {
    /// A TCP server.
    Tcp(SocketAddr),
    /// A server behind a Unix socket, which PostgreSQL's is.
    Unix(PathBuf),
}

/// How the proxy treats what goes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Passes everything on.
    Passing,
    /// Ends every connection at once.
    Refusing,
    /// Keeps connections open and passes nothing on, as a network that drops packets.
    Holding,
}

#[derive(Debug, Clone, Copy)]
struct State {
    mood: Mood,
    /// Connections of an earlier generation have been cut.
    generation: u64,
}

/// A proxy that works until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    _task: JoinSet<()>,
}

impl Proxy {
    /// Listens on `port` (0 takes a free one) and passes on to `target`, which need not be there yet.
    pub async fn start(port: u16, target: Target) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(State {
            mood: Mood::Passing,
            generation: 0,
        });
        let mut task = JoinSet::new();
        task.spawn(accept(listener, target, seen));
        Ok(Self {
            address,
            state,
            _task: task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection there is; new ones go through.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }

    /// Cuts every connection there is, and every new one at once, until [`Self::pass`].
    pub fn refuse(&self) {
        self.state.send_modify(|state| {
            state.generation += 1;
            state.mood = Mood::Refusing;
        });
    }

    /// Passes nothing on, and cuts nothing, until [`Self::pass`].
    pub fn hold(&self) {
        self.state.send_modify(|state| state.mood = Mood::Holding);
    }

    /// Back to normal; what was held goes on.
    pub fn pass(&self) {
        self.state.send_modify(|state| state.mood = Mood::Passing);
    }
}

async fn accept(listener: TcpListener, target: Target, state: watch::Receiver<State>) {
    // Dropped with the proxy, and so are the connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let now = *state.borrow();
                if let Ok((client, _)) = accepted
                    && now.mood != Mood::Refusing
                {
                    connections.spawn(carry(client, target.clone(), state.clone(), now.generation));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until either side ends or it is cut.
async fn carry(
    client: TcpStream,
    target: Target,
    mut state: watch::Receiver<State>,
    generation: u64,
) {
    let held = state.clone();
    let cut = state.wait_for(|state| state.generation != generation);
    let through = async {
        match target {
            Target::Tcp(address) => {
                let server = TcpStream::connect(address).await?;
                // The proxy must not add Nagle's delays to what others measure.
                server.set_nodelay(true)?;
                client.set_nodelay(true)?;
                both_ways(client, server, held).await
            }
            Target::Unix(path) => both_ways(client, UnixStream::connect(path).await?, held).await,
        }
    };
    // Either way both sockets are dropped, which is all that their peers are to see.
    tokio::select! {
        _ = cut => {}
        _ = through => {}
    }
}

async fn both_ways(
    client: TcpStream,
    server: impl AsyncRead + AsyncWrite,
    state: watch::Receiver<State>,
) -> io::Result<()> {
    let (client_reader, client_writer) = io::split(client);
    let (server_reader, server_writer) = io::split(server);
    let there = pump(client_reader, server_writer, state.clone());
    let back = pump(server_reader, client_writer, state);
    tokio::try_join!(there, back).map(drop)
}

/// Passes octets on in one direction until they end.
async fn pump(
    reader: impl AsyncRead,
    writer: impl AsyncWrite,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    tokio::pin!(reader, writer);
    let mut chunk = vec![0; CHUNK_OCTETS];
    loop {
        let octets = reader.read(&mut chunk).await?;
        if octets == 0 {
            return writer.shutdown().await;
        }
        // The sender is gone only when the proxy is.
        let _ = state.wait_for(|state| state.mood != Mood::Holding).await;
        writer.write_all(&chunk[..octets]).await?;
    }
}
