//! The WebSocket transports: raw STOMP, and STOMP inside SockJS frames.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Broken, Received, Transport};
use crate::disconnect::Disconnect;
use crate::framing::Framing;
use crate::outbound::Outgoing;
use crate::sockjs;

/// Longest wait for the client's own Close frame after ours. Ending the TCP connection earlier could destroy
/// an ERROR frame that the client has not read yet.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(2);

/// Longest wait for the Close frame itself to leave.
const CLOSE_SEND_MAX: Duration = Duration::from_secs(1);

/// Octets read at a time of what is not looked at any more.
const UNHEARD_OCTETS: usize = 4 << 10;

/// How often a SockJS connection gets an `h` frame (SockJS 0.3.3's default).
const SOCKJS_HEARTBEAT: Duration = Duration::from_secs(25);

/// STOMP frames as WebSocket messages.
pub struct WebSocket<S> {
    stream: WebSocketStream<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> WebSocket<S> {
    /// After the handshake.
    pub fn new(stream: WebSocketStream<S>) -> Self {
        Self { stream }
    }

    async fn next(&mut self) -> Result<Message, Disconnect> {
        match self.stream.next().await {
            Some(Ok(Message::Close(_))) => {
                // Our answering Close frame is queued, and only now is there somebody to send it: nothing more
                // will be read. A client that is gone already does not need it.
                let last_words = async {
                    self.stream.flush().await?;
                    self.stream.get_mut().shutdown().await?;
                    Ok::<(), Error>(())
                };
                let _ = tokio::time::timeout(CLOSE_SEND_MAX, last_words).await;
                Err(Disconnect::ClientGone)
            }
            None => Err(Disconnect::ClientGone),
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(reason(&error)),
        }
    }

    /// Reads until the client has answered our Close frame, or has ended the connection. TCP destroys what the
    /// client has not read yet when a connection is closed with octets unread, so these are read even when they
    /// are no WebSocket frames any more.
    async fn hear_out(&mut self) {
        while let Some(Ok(message)) = self.stream.next().await {
            if message.is_close() {
                // TLS wants its own end to be said; of TCP it would be the same to drop it.
                let _ = self.stream.get_mut().shutdown().await;
                return;
            }
        }
        let socket = self.stream.get_mut();
        if socket.shutdown().await.is_ok() {
            let mut unheard = [0; UNHEARD_OCTETS];
            while matches!(socket.read(&mut unheard).await, Ok(1..)) {}
        }
    }
}

/// What an error of the WebSocket layer means for the session.
fn reason(error: &Error) -> Disconnect {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Disconnect::FrameTooLarge,
        Error::Utf8(_) => Disconnect::InvalidUtf8,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Disconnect::ClientGone,
        Error::Protocol(_) | Error::Capacity(_) => Disconnect::WebSocketProtocol,
        _ => Disconnect::ClientGone,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for WebSocket<S> {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn framing(&self) -> Framing {
        Framing::Plain
    }

    async fn receive(&mut self) -> Received {
        match self.next().await {
            Ok(Message::Text(text)) => Received::Octets(text.into()),
            Ok(Message::Binary(octets)) => Received::Octets(octets),
            Ok(_) => Received::Nothing,
            Err(reason) => Received::End(reason),
        }
    }

    async fn send(&mut self, outgoing: &mut Vec<Outgoing>) -> Result<(), Broken> {
        for outgoing in outgoing.drain(..) {
            let text = Utf8Bytes::try_from(outgoing.octets().clone());
            self.stream
                .feed(Message::Text(text.expect("framing makes text of it")))
                .await
                .map_err(|_| Broken)?;
        }
        self.stream.flush().await.map_err(|_| Broken)
    }

    async fn close(mut self, reason: Disconnect) {
        let frame = CloseFrame {
            code: reason.code().into(),
            reason: reason.reason().into(),
        };
        let sent = tokio::time::timeout(CLOSE_SEND_MAX, self.stream.close(Some(frame))).await;
        if let Ok(Ok(())) = sent {
            // Whether or not the client answers, the connection ends here.
            let _ = tokio::time::timeout(CLOSE_WAIT_MAX, self.hear_out()).await;
        }
    }
}

/// SockJS frames as WebSocket messages: `/ws/{server}/{session}/websocket`.
pub struct SockJsWebSocket<S> {
    socket: WebSocket<S>,
    heartbeat: Interval,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> SockJsWebSocket<S> {
    /// After the handshake: sends the open frame.
    ///
    /// # Errors
    /// [`Broken`]: the client is gone already.
    pub async fn open(mut stream: WebSocketStream<S>) -> Result<Self, Broken> {
        stream
            .send(Message::Text(sockjs::frame::OPEN.into()))
            .await
            .map_err(|_| Broken)?;
        let mut heartbeat = interval_at(Instant::now() + SOCKJS_HEARTBEAT, SOCKJS_HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            socket: WebSocket::new(stream),
            heartbeat,
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for SockJsWebSocket<S> {
    fn name(&self) -> &'static str {
        "sockjs-websocket"
    }

    fn framing(&self) -> Framing {
        Framing::SockJs
    }

    async fn receive(&mut self) -> Received {
        let message = tokio::select! {
            message = self.socket.next() => message,
            _ = self.heartbeat.tick() => {
                let beat = self.socket.stream.send(Message::Text(sockjs::frame::HEARTBEAT.into()));
                return match beat.await {
                    Ok(()) => Received::Nothing,
                    Err(_) => Received::End(Disconnect::ClientGone),
                };
            }
        };
        match message {
            Ok(Message::Text(text)) => match sockjs::frame::decode(&text) {
                Ok(pieces) => Received::Pieces(pieces),
                Err(_) => Received::End(Disconnect::SockJsPayload),
            },
            Ok(Message::Binary(_)) => Received::End(Disconnect::SockJsPayload),
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
            let _ = tokio::time::timeout(
                CLOSE_SEND_MAX,
                self.socket.stream.send(Message::Text(frame.into())),
            )
            .await;
        }
        self.socket.close(reason).await;
    }
}
