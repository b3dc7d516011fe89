//! How strangers get to a gateway: from addresses of their own, with requests of their own making.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{ADDRESSES, Attacker};

/// Longest wait for an end that the gateway ought to make: longer than any of its deadlines. A bound on hanging.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Octets of an answer that are looked at.
const ANSWER_OCTETS_MAX: usize = 4 << 10;

impl Attacker {
    /// A connection from the address that goes with this number.
    pub(super) async fn knock(&self, number: usize) -> io::Result<TcpStream> {
        let last = u8::try_from(number % ADDRESSES).expect("there are fewer addresses than that");
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, last + 2], 0)))?;
        let stream = timeout(PATIENCE, socket.connect(self.gateway)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection that has become a WebSocket.
    ///
    /// # Errors
    /// The status that came instead, or that none came.
    pub(super) async fn websocket(&self, number: usize) -> Result<TcpStream, String> {
        let mut stream = self.knock(number).await.map_err(|_| "not connected")?;
        let request = "GET /ws HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let sent = stream.write_all(request.as_bytes()).await;
        sent.map_err(|_| "cut off")?;
        match status(&mut stream).await.as_deref() {
            Some("101") => Ok(stream),
            Some(status) => Err(status.to_owned()),
            None => Err("cut off".to_owned()),
        }
    }

    /// A WebSocket with a session of the attackers' own account on it.
    pub(super) async fn session(&self, number: usize) -> Result<TcpStream, String> {
        let mut stream = self.websocket(number).await?;
        let connect = format!(
            "CONNECT\naccept-version:1.2\nAuthorization:Bearer {}\n\n\0",
            self.token
        );
        write(&mut stream, &text(connect.as_bytes())).await;
        let mut answer = vec![0; ANSWER_OCTETS_MAX];
        let read = timeout(PATIENCE, stream.read(&mut answer)).await;
        let octets = read.map_err(|_| "no CONNECTED")?.unwrap_or_default();
        if contains(&answer[..octets], b"CONNECTED") {
            Ok(stream)
        } else {
            Err("not CONNECTED".to_owned())
        }
    }
}

/// Whether it went out. The gateway may have hung up by then, which is no fault.
pub(super) async fn write(stream: &mut TcpStream, octets: &[u8]) -> bool {
    matches!(
        timeout(PATIENCE, stream.write_all(octets)).await,
        Ok(Ok(()))
    )
}

/// The status of the answer that comes next; `None` if none does.
pub(super) async fn status(stream: &mut TcpStream) -> Option<String> {
    // All of the head, so that nothing of it is left for what comes after.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < ANSWER_OCTETS_MAX {
        head.push(timeout(PATIENCE, stream.read_u8()).await.ok()?.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    head.split(' ').nth(1).map(str::to_owned)
}

/// Reads until a WebSocket is closed, and leaves. The code it was closed with, or how else it ended.
pub(super) async fn end(stream: &mut TcpStream) -> String {
    let mut last = Vec::new();
    let mut octets = vec![0; ANSWER_OCTETS_MAX];
    let read_on = async {
        while let Ok(read @ 1..) = stream.read(&mut octets).await {
            last.extend_from_slice(&octets[..read]);
            let surplus = last.len().saturating_sub(ANSWER_OCTETS_MAX);
            last.drain(..surplus);
            if let Some(code) = close_code(&last) {
                return format!("closed with {code}");
            }
        }
        "cut off".to_owned()
    };
    let end = timeout(PATIENCE, read_on).await;
    end.unwrap_or_else(|_| "still open".to_owned())
}

/// The code of the Close frame that these octets end with.
fn close_code(octets: &[u8]) -> Option<u16> {
    (4..=octets.len().min(127)).find_map(|length| {
        let frame = &octets[octets.len() - length..];
        let is_close = frame[0] == 0x88 && usize::from(frame[1]) == length - 2;
        is_close.then(|| u16::from_be_bytes([frame[2], frame[3]]))
    })
}

fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|window| window == wanted)
}

/// A WebSocket text message, masked with zeros.
pub(super) fn text(payload: &[u8]) -> Vec<u8> {
    let mut frame = head(0x81, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

/// The head of a masked WebSocket frame with this first octet, whose mask is zeros.
pub(super) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first, 0xff];
    head.extend_from_slice(&length.to_be_bytes());
    head.extend_from_slice(&[0; 4]);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_at_the_end() {
        for (octets, code) in [
            (b"\x88\x02\x03\xf1".as_slice(), Some(1009)),
            (b"\x81\x02hi\x88\x05\x03\xe9bye", Some(1001)),
            (b"\x81\x02hi", None),
            (b"", None),
        ] {
            assert_eq!(close_code(octets), code, "{octets:?}");
        }
    }
}
