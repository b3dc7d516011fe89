//! The octets to and from a client: bare TCP, or TLS on it; and how a socket follows its task.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::server::TlsStream;

use crate::arrivals;

/// A connection to a client. One type for both, so that what is built on it exists once; telling them apart costs
/// one comparison a call.
#[derive(Debug)]
pub enum ClientStream {
    /// Nothing between TCP and HTTP.
    Plain(Socket),
    /// In a box, since it is twenty times as large and the other kind should not pay for that.
    Tls(Box<TlsStream<Socket>>),
}

/// Hands a call on to whichever it is.
macro_rules! on {
    ($stream:expr, $name:ident => $call:expr) => {
        match $stream {
            ClientStream::Plain($name) => $call,
            ClientStream::Tls($name) => $call,
        }
    };
}

impl ClientStream {
    /// Hands out the end that is written to, for others to write to while its owner waits. Not of TLS, where what is
    /// written depends on what was read and written before.
    pub fn lend(&mut self) -> Option<WriteEnd> {
        match self {
            Self::Plain(socket) => socket.lend(),
            Self::Tls(_) => None,
        }
    }

    /// Takes it back.
    pub fn give_back(&mut self, end: WriteEnd) {
        if let Self::Plain(socket) = self {
            socket.give_back(end);
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        on!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, octets))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    /// Of TLS this is `close_notify`, by which the other end knows that nothing was cut off.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        on!(self, stream => stream.is_write_vectored())
    }
}

/// A TCP connection that is served by whichever runtime its task runs on: it moves when it is first used on another one
/// than that of those on their way in. There its writing end can be lent.
#[derive(Debug)]
pub struct Socket {
    tcp: Tcp,
    is_arriving: bool,
}

#[derive(Debug)]
enum Tcp {
    Whole(TcpStream),
    /// Since the writing end was lent first. It is out while it is lent.
    Halves(OwnedReadHalf, Option<WriteEnd>),
    /// Moving it failed.
    Lost,
}

/// The end of a socket that is written to. There is one, and whoever holds it may write.
#[derive(Debug)]
pub struct WriteEnd(OwnedWriteHalf);

impl WriteEnd {
    /// Writes as much as the socket takes at once.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: it takes nothing now. Otherwise the connection is broken.
    pub fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        self.0.try_write(octets)
    }
}

impl From<TcpStream> for Socket {
    fn from(tcp: TcpStream) -> Self {
        Self {
            tcp: Tcp::Whole(tcp),
            is_arriving: arrivals::is_here(),
        }
    }
}

impl Socket {
    /// What is to be written to while its owner waits; from then on the socket stays on this runtime.
    pub(crate) fn lend(&mut self) -> Option<WriteEnd> {
        let tcp = self.here().ok()?;
        if let Tcp::Whole(_) = tcp {
            let Tcp::Whole(whole) = std::mem::replace(tcp, Tcp::Lost) else {
                return None;
            };
            let (read, write) = whole.into_split();
            *tcp = Tcp::Halves(read, Some(WriteEnd(write)));
        }
        match tcp {
            Tcp::Halves(_, write) => write.take(),
            Tcp::Whole(_) | Tcp::Lost => None,
        }
    }

    fn give_back(&mut self, end: WriteEnd) {
        if let Tcp::Halves(_, write) = &mut self.tcp {
            *write = Some(end);
        }
    }

    fn here(&mut self) -> io::Result<&mut Tcp> {
        if self.is_arriving && !arrivals::is_here() {
            self.is_arriving = false;
            if let Tcp::Whole(tcp) = std::mem::replace(&mut self.tcp, Tcp::Lost) {
                self.tcp = Tcp::Whole(TcpStream::from_std(tcp.into_std()?)?);
            }
        }
        Ok(&mut self.tcp)
    }

    fn reader(&mut self) -> io::Result<Pin<&mut (dyn AsyncRead + Unpin)>> {
        match self.here()? {
            Tcp::Whole(tcp) => Ok(Pin::new(tcp)),
            Tcp::Halves(read, _) => Ok(Pin::new(read)),
            Tcp::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn writer(&mut self) -> io::Result<Pin<&mut (dyn AsyncWrite + Unpin)>> {
        match self.here()? {
            Tcp::Whole(tcp) => Ok(Pin::new(tcp)),
            Tcp::Halves(_, Some(write)) => Ok(Pin::new(&mut write.0)),
            // Lent: whoever waits for others to write does not write.
            Tcp::Halves(_, None) | Tcp::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().reader()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().writer()?.poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().writer()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
