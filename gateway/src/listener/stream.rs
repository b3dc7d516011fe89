//! The octets to and from a client: bare TCP, or TLS on it; and how a socket follows its task.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
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
/// than that of those on their way in.
#[derive(Debug)]
pub struct Socket {
    /// Always there, unless moving it failed.
    tcp: Option<TcpStream>,
    is_arriving: bool,
}

impl From<TcpStream> for Socket {
    fn from(tcp: TcpStream) -> Self {
        Self {
            tcp: Some(tcp),
            is_arriving: arrivals::is_here(),
        }
    }
}

impl Socket {
    fn here(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if self.is_arriving && !arrivals::is_here() {
            self.is_arriving = false;
            let tcp = self.tcp.take().map(TcpStream::into_std).transpose()?;
            self.tcp = tcp.map(TcpStream::from_std).transpose()?;
        }
        match &mut self.tcp {
            Some(tcp) => Ok(Pin::new(tcp)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().here()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().here()?.poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().here()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().here()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().here()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
