//! The WebSocket transports: raw STOMP, and STOMP inside SockJS frames.

use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{Broken, Received, Transport};
use crate::disconnect::Disconnect;
use crate::framing::Framing;
use crate::listener::stream::{ClientStream, WriteEnd};
use crate::outbound::Outgoing;
use crate::sockjs;
use crate::websocket::{self, Decoder, Incoming};

/// Longest wait for the client's own Close frame after ours. Ending the TCP connection earlier could destroy
/// an ERROR frame that the client has not read yet.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(2);

/// Longest wait for the Close frame itself to leave.
const CLOSE_SEND_MAX: Duration = Duration::from_secs(1);

/// Octets read at a time, into the stack: whoever says nothing has no buffer.
const READ_OCTETS: usize = 8 << 10;

/// Most messages written with one call.
const SLICES_MAX: usize = 64;

/// How often a SockJS connection gets an `h` frame (SockJS 0.3.3's default).
const SOCKJS_HEARTBEAT: Duration = Duration::from_secs(25);

/// STOMP frames as WebSocket messages.
#[derive(Debug)]
pub struct WebSocket {
    stream: ClientStream,
    decoder: Decoder,
    /// What is left of a frame that this layer itself has to say, such as the answer to a ping. It goes before
    /// anything else, and nothing is read until it has left: who does not read is not read either.
    unsent: Bytes,
    /// The client has closed, and `unsent` is the answer.
    is_closed: bool,
}

impl WebSocket {
    /// After the handshake, with what the client sent behind it.
    pub fn new(stream: ClientStream, early: &[u8], message_octets_max: usize) -> Self {
        let mut decoder = Decoder::new(message_octets_max);
        decoder.push(early);
        Self {
            stream,
            decoder,
            unsent: Bytes::new(),
            is_closed: false,
        }
    }

    /// The next message or control frame. Cancel-safe. Pings are the caller's to answer; a Close is answered by the
    /// next call, which ends.
    async fn next(&mut self) -> Result<Incoming, Disconnect> {
        if !self.is_closed {
            let incoming = poll_fn(|context| self.poll_next(context)).await?;
            if let Incoming::Close(code) = incoming {
                self.is_closed = true;
                self.unsent = websocket::close(code, "");
            }
            return Ok(incoming);
        }
        // In a box, since every connection would keep room for it.
        Box::pin(self.say_good_bye()).await;
        Err(Disconnect::ClientGone)
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, Disconnect>> {
        if ready!(self.poll_unsent(context)).is_err() {
            return Poll::Ready(Err(Disconnect::ClientGone));
        }
        loop {
            match self.decoder.decode() {
                Ok(None) => {}
                Ok(Some(incoming)) => return Poll::Ready(Ok(incoming)),
                Err(breach) => return Poll::Ready(Err(breach.disconnect())),
            }
            let mut octets = [MaybeUninit::uninit(); READ_OCTETS];
            let mut octets = ReadBuf::uninit(&mut octets);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut octets));
            if read.is_err() || octets.filled().is_empty() {
                return Poll::Ready(Err(Disconnect::ClientGone));
            }
            self.decoder.push(octets.filled());
        }
    }

    /// Has a frame of this layer sent, before anything that [`Transport::send`] is given from now on. With one on
    /// its way already the client is slow, and does without another.
    fn say(&mut self, frame: Bytes) {
        if self.unsent.is_empty() {
            self.unsent = frame;
        }
    }

    fn poll_unsent(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.unsent.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.unsent);
            self.unsent.advance(some(ready!(written)?)?);
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_unsent(context)).await
    }

    /// Answers the client's Close frame. A client that is gone already does not need it.
    async fn say_good_bye(&mut self) {
        let last_words = async {
            self.flush().await?;
            self.stream.shutdown().await
        };
        let _ = tokio::time::timeout(CLOSE_SEND_MAX, last_words).await;
    }

    fn poll_send(
        &mut self,
        outgoing: &[Outgoing],
        place: &mut Place,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(context))?;
        // Nothing follows a Close frame (RFC 6455, section 5.5.1).
        while !self.is_closed && place.number < outgoing.len() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let stream = Pin::new(&mut self.stream);
            let written = match place.fill(outgoing, &mut slices) {
                // The usual case in a quiet chat, and the cheaper system call.
                [only] => stream.poll_write(context, only),
                several => stream.poll_write_vectored(context, several),
            };
            place.advance(outgoing, some(ready!(written)?)?);
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    async fn say_close(&mut self, reason: Disconnect) -> io::Result<()> {
        self.flush().await?;
        self.unsent = websocket::close(Some(reason.code()), &reason.reason());
        self.flush().await
    }

    /// Reads until the client has answered our Close frame, or has ended the connection. TCP destroys what the
    /// client has not read yet when a connection is closed with octets unread, so these are read even when they
    /// are no WebSocket frames any more.
    async fn hear_out(&mut self) {
        while let Ok(incoming) = poll_fn(|context| self.poll_next(context)).await {
            if matches!(incoming, Incoming::Close(_)) {
                // TLS wants its own end to be said; of TCP it would be the same to drop it.
                let _ = self.stream.shutdown().await;
                return;
            }
        }
        if self.stream.shutdown().await.is_ok() {
            let mut unheard = [0; READ_OCTETS];
            while matches!(self.stream.read(&mut unheard).await, Ok(1..)) {}
        }
    }

    async fn end(&mut self, reason: Disconnect) {
        let sent = tokio::time::timeout(CLOSE_SEND_MAX, self.say_close(reason)).await;
        if let Ok(Ok(())) = sent {
            // Whether or not the client answers, the connection ends here.
            let _ = tokio::time::timeout(CLOSE_WAIT_MAX, self.hear_out()).await;
        }
    }
}

/// How many octets a socket took, which is none only when it takes no more.
fn some(written: usize) -> io::Result<usize> {
    match written {
        0 => Err(ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// How far the sending of messages got.
#[derive(Debug, Default)]
struct Place {
    /// Messages that are sent.
    number: usize,
    /// Octets of the next one that are sent.
    octets: usize,
}

impl Place {
    /// What comes next, as much as one call takes.
    fn fill<'a, 'b>(
        &self,
        outgoing: &'a [Outgoing],
        slices: &'b mut [IoSlice<'a>],
    ) -> &'b [IoSlice<'a>] {
        let mut skip = self.octets;
        let mut filled = 0;
        for (slice, outgoing) in slices.iter_mut().zip(&outgoing[self.number..]) {
            *slice = IoSlice::new(&outgoing.octets()[skip..]);
            skip = 0;
            filled += 1;
        }
        &slices[..filled]
    }

    fn advance(&mut self, outgoing: &[Outgoing], written: usize) {
        self.octets += written;
        while let Some(next) = outgoing.get(self.number)
            && next.octets().len() <= self.octets
        {
            self.octets -= next.octets().len();
            self.number += 1;
        }
    }
}

impl Transport for WebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn framing(&self) -> Framing {
        Framing::WebSocket
    }

    fn lend(&mut self) -> Option<WriteEnd> {
        if self.unsent.is_empty() && !self.is_closed {
            self.stream.lend()
        } else {
            None
        }
    }

    fn give_back(&mut self, end: WriteEnd, rest: Bytes) {
        self.stream.give_back(end);
        if !rest.is_empty() {
            self.unsent = [rest, std::mem::take(&mut self.unsent)].concat().into();
        }
    }

    async fn receive(&mut self) -> Received {
        match self.next().await {
            Ok(Incoming::Text(octets) | Incoming::Binary(octets)) => Received::Octets(octets),
            Ok(Incoming::Ping(payload)) => {
                self.say(websocket::pong(&payload));
                Received::Nothing
            }
            Ok(_) => Received::Nothing,
            Err(reason) => Received::End(reason),
        }
    }

    async fn send(&mut self, outgoing: &mut Vec<Outgoing>) -> Result<(), Broken> {
        let mut place = Place::default();
        let sent = poll_fn(|context| self.poll_send(outgoing, &mut place, context)).await;
        outgoing.clear();
        sent.map_err(|_| Broken)
    }

    async fn close(mut self, reason: Disconnect) {
        // In a box, since every connection would keep room for it.
        Box::pin(self.end(reason)).await;
    }
}

/// SockJS frames as WebSocket messages: `/ws/{server}/{session}/websocket`.
#[derive(Debug)]
pub struct SockJsWebSocket {
    socket: WebSocket,
    heartbeat: Interval,
}

impl SockJsWebSocket {
    /// After the handshake: sends the open frame.
    ///
    /// # Errors
    /// [`Broken`]: the client is gone already.
    pub async fn open(mut socket: WebSocket) -> Result<Self, Broken> {
        socket.say(websocket::text(sockjs::frame::OPEN));
        socket.flush().await.map_err(|_| Broken)?;
        let heartbeat = heartbeat();
        Ok(Self { socket, heartbeat })
    }
}

fn heartbeat() -> Interval {
    let mut heartbeat = interval_at(Instant::now() + SOCKJS_HEARTBEAT, SOCKJS_HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat
}

impl Transport for SockJsWebSocket {
    fn name(&self) -> &'static str {
        "sockjs-websocket"
    }

    fn settled(&mut self) {
        self.heartbeat = heartbeat();
    }

    fn framing(&self) -> Framing {
        Framing::SockJsWebSocket
    }

    fn lend(&mut self) -> Option<WriteEnd> {
        self.socket.lend()
    }

    fn give_back(&mut self, end: WriteEnd, rest: Bytes) {
        self.socket.give_back(end, rest);
    }

    async fn receive(&mut self) -> Received {
        let incoming = tokio::select! {
            incoming = self.socket.next() => incoming,
            _ = self.heartbeat.tick() => {
                self.socket.say(websocket::text(sockjs::frame::HEARTBEAT));
                return Received::Silence;
            }
        };
        match incoming {
            Ok(Incoming::Text(text)) => {
                let text = std::str::from_utf8(&text).expect("text messages are UTF-8");
                match sockjs::frame::decode(text) {
                    Ok(pieces) => Received::Pieces(pieces),
                    Err(_) => Received::End(Disconnect::SockJsPayload),
                }
            }
            Ok(Incoming::Binary(_)) => Received::End(Disconnect::SockJsPayload),
            Ok(Incoming::Ping(payload)) => {
                self.socket.say(websocket::pong(&payload));
                Received::Nothing
            }
            Ok(_) => Received::Nothing,
            Err(reason) => Received::End(reason),
        }
    }

    async fn send(&mut self, outgoing: &mut Vec<Outgoing>) -> Result<(), Broken> {
        self.socket.send(outgoing).await
    }

    async fn close(mut self, reason: Disconnect) {
        // A broken SockJS message is answered by no SockJS frame (SockJS 0.3.3, `Websocket.test_broken_json`).
        if reason != Disconnect::SockJsPayload {
            let frame = sockjs::frame::close(reason.code(), reason.reason());
            // The client may be gone already; the WebSocket close below finds out as well.
            let _ = tokio::time::timeout(CLOSE_SEND_MAX, self.socket.flush()).await;
            self.socket.say(websocket::text(&frame));
        }
        self.socket.close(reason).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A client's ping, masked with zeros, and the answer to it.
    const PING: &[u8] = b"\x89\x81\0\0\0\0?";
    const PONG: &[u8] = b"\x8A\x01?";

    const CLOSE: &[u8] = b"\x88\x80\0\0\0\0";

    async fn connected() -> (WebSocket, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let stream = ClientStream::Plain(accepted.unwrap().0.into());
        (WebSocket::new(stream, &[], 1_000), client.unwrap())
    }

    async fn heard(client: &mut TcpStream, octets: usize) -> Vec<u8> {
        let mut heard = vec![0; octets];
        client.read_exact(&mut heard).await.unwrap();
        heard
    }

    #[tokio::test]
    async fn the_rest_of_a_message_goes_before_all_else() {
        let (mut socket, mut client) = connected().await;
        let end = socket.lend().unwrap();
        assert_eq!(end.try_write(b"mess").unwrap(), 4);
        client.write_all(PING).await.unwrap();
        assert!(matches!(socket.receive().await, Received::Nothing));
        socket.give_back(end, Bytes::from_static(b"age"));
        let mut outgoing = vec![Outgoing::Frame(Bytes::from_static(b"next"))];
        socket.send(&mut outgoing).await.unwrap();
        let expected = [b"message", PONG, b"next"].concat();
        assert_eq!(heard(&mut client, expected.len()).await, expected);
    }

    #[tokio::test]
    async fn nothing_is_lent_while_something_is_left_to_say() {
        let (mut socket, mut client) = connected().await;
        client.write_all(PING).await.unwrap();
        assert!(matches!(socket.receive().await, Received::Nothing));
        assert!(socket.lend().is_none());
        socket.send(&mut Vec::new()).await.unwrap();
        assert_eq!(heard(&mut client, PONG.len()).await, PONG);
        assert!(socket.lend().is_some());
        // There is only one.
        assert!(socket.lend().is_none());
    }

    #[tokio::test]
    async fn a_close_is_answered_behind_the_rest_of_a_message_and_nothing_follows() {
        let (mut socket, mut client) = connected().await;
        let end = socket.lend().unwrap();
        assert_eq!(end.try_write(b"mess").unwrap(), 4);
        client.write_all(CLOSE).await.unwrap();
        // Not yet answered: the end is still lent.
        assert!(matches!(socket.receive().await, Received::Nothing));
        socket.give_back(end, Bytes::from_static(b"age"));
        assert!(socket.lend().is_none());
        let mut outgoing = vec![Outgoing::Frame(Bytes::from_static(b"next"))];
        socket.send(&mut outgoing).await.unwrap();
        let end = socket.receive().await;
        assert!(matches!(end, Received::End(Disconnect::ClientGone)));
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"message\x88\0");
    }

    #[tokio::test]
    async fn sockjs_beats_are_not_written_while_others_write() {
        let (socket, mut client) = connected().await;
        let mut socket = SockJsWebSocket::open(socket).await.unwrap();
        assert_eq!(heard(&mut client, 3).await, b"\x81\x01o");
        socket.heartbeat.reset_immediately();
        let end = socket.lend().unwrap();
        assert!(matches!(socket.receive().await, Received::Silence));
        assert_eq!(end.try_write(b"event").unwrap(), 5);
        socket.give_back(end, Bytes::new());
        socket.send(&mut Vec::new()).await.unwrap();
        let expected = b"event\x81\x01h";
        assert_eq!(heard(&mut client, expected.len()).await, expected);
    }
}
