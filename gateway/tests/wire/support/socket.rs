//! A WebSocket client that does exactly what it is told, right or wrong (RFC 6455).

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::within;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// In the place of a length: the length follows, in so many bits.
const SIXTEEN_BITS: u8 = 126;
const SIXTY_FOUR_BITS: u8 = 127;

/// Any will do for a test.
const MASK: [u8; 4] = [0x1F, 0x00, 0xA5, 0xFF];

/// The handshake that every browser makes.
pub(crate) const UPGRADE: [(&str, &str); 5] = [
    ("Host", "test"),
    ("Upgrade", "websocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// A WebSocket frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WsFrame {
    pub(crate) fin: bool,
    /// The three reserved bits, where they stand in the first octet.
    pub(crate) reserved: u8,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

/// A whole, proper frame.
pub(crate) fn ws_frame(opcode: u8, payload: impl AsRef<[u8]>) -> WsFrame {
    WsFrame {
        fin: true,
        reserved: 0,
        opcode,
        masked: true,
        payload: payload.as_ref().to_vec(),
    }
}

/// A piece of a message that goes on in another frame.
pub(crate) fn ws_piece(opcode: u8, payload: impl AsRef<[u8]>) -> WsFrame {
    WsFrame {
        fin: false,
        ..ws_frame(opcode, payload)
    }
}

impl WsFrame {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut octets = vec![(u8::from(self.fin) << 7) | self.reserved | self.opcode];
        let mask_bit = u8::from(self.masked) << 7;
        let length = self.payload.len();
        if let Ok(short) = u8::try_from(length)
            && short < SIXTEEN_BITS
        {
            octets.push(mask_bit | short);
        } else if let Ok(medium) = u16::try_from(length) {
            octets.push(mask_bit | SIXTEEN_BITS);
            octets.extend(medium.to_be_bytes());
        } else {
            octets.push(mask_bit | SIXTY_FOUR_BITS);
            octets.extend((length as u64).to_be_bytes());
        }
        if self.masked {
            octets.extend(MASK);
            let masked = self.payload.iter().zip(MASK.iter().cycle());
            octets.extend(masked.map(|(octet, mask)| octet ^ mask));
        } else {
            octets.extend(&self.payload);
        }
        octets
    }

    /// Code and reason of a Close frame.
    pub(crate) fn close_reason(&self) -> (u16, String) {
        assert_eq!(self.opcode, CLOSE, "{self:?}");
        match self.payload.as_slice() {
            [] => (1005, String::new()),
            [high, low, reason @ ..] => {
                let reason = String::from_utf8(reason.to_vec()).unwrap();
                (u16::from_be_bytes([*high, *low]), reason)
            }
            [_] => panic!("a Close frame of one octet"),
        }
    }
}

/// A request without a body.
pub(crate) fn request_text(line: &str, headers: &[(&str, &str)]) -> String {
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("{line}\r\n{}\r\n", headers.collect::<String>())
}

/// Status line and headers, with names in lower case.
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name)?;
        Some(&header.1)
    }
}

/// Asks for a page on a connection of its own; the head and the body of the answer.
pub(crate) async fn get(
    server: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> (Head, String) {
    ask("GET", server, path, headers).await
}

/// The same with another method.
pub(crate) async fn ask(
    method: &str,
    server: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> (Head, String) {
    let mut socket = Socket::tcp(server).await;
    let own = [("Host", "test"), ("Connection", "close")];
    // Of two of a name the test's own counts.
    let own = own
        .iter()
        .filter(|(name, _)| !headers.iter().any(|(known, _)| known == name));
    let headers: Vec<(&str, &str)> = own.chain(headers).copied().collect();
    let head = socket
        .request(&format!("{method} {path} HTTP/1.1"), &headers)
        .await;
    let mut body = Vec::new();
    within(socket.stream.read_to_end(&mut body)).await.unwrap();
    (head, String::from_utf8_lossy(&body).into_owned())
}

/// The client's end of the connection.
pub(crate) struct Socket {
    stream: BufReader<Box<dyn Stream>>,
}

/// TCP, or TLS on it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Socket {
    /// A connection on which nothing was said yet.
    pub(crate) async fn tcp(server: SocketAddr) -> Self {
        let stream = within(TcpStream::connect(server)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::on(stream)
    }

    /// The same from an address of 127.0.0.0/8, so that a test can be several clients.
    pub(crate) async fn from(last: u8, server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, last], 0).into()).unwrap();
        Self::on(within(socket.connect(server)).await.unwrap())
    }

    /// On a connection that is there already.
    pub(crate) fn on(stream: impl Stream + 'static) -> Self {
        Self {
            stream: BufReader::new(Box::new(stream)),
        }
    }

    /// A WebSocket at `/ws`.
    pub(crate) async fn open(server: SocketAddr) -> Self {
        let mut socket = Self::tcp(server).await;
        let head = socket.request("GET /ws HTTP/1.1", &UPGRADE).await;
        assert_eq!(head.status, 101);
        socket
    }

    /// Sends a request without a body and reads the head of the answer.
    pub(crate) async fn request(&mut self, line: &str, headers: &[(&str, &str)]) -> Head {
        self.write(request_text(line, headers).as_bytes()).await;
        self.head().await
    }

    /// Reads the head of an HTTP answer.
    pub(crate) async fn head(&mut self) -> Head {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(within(self.stream.read_u8()).await.unwrap());
        }
        let text = String::from_utf8(text).unwrap();
        let mut lines = text.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Head {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
        }
    }

    /// The next chunk of a chunked HTTP body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let mut line = String::new();
        within(self.stream.read_line(&mut line)).await.unwrap();
        let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        within(self.stream.read_exact(&mut chunk)).await.unwrap();
        chunk.truncate(length);
        (length > 0).then(|| String::from_utf8(chunk).unwrap())
    }

    /// Writes octets as they are.
    pub(crate) async fn write(&mut self, octets: &[u8]) {
        within(self.stream.write_all(octets)).await.unwrap();
    }

    /// The same, to a server that may have had enough.
    pub(crate) async fn try_write(&mut self, octets: &[u8]) -> std::io::Result<()> {
        within(self.stream.write_all(octets)).await
    }

    pub(crate) async fn send(&mut self, frame: &WsFrame) {
        self.write(&frame.encode()).await;
    }

    /// Ends this direction of the connection only.
    pub(crate) async fn finish_writing(&mut self) {
        within(self.stream.shutdown()).await.unwrap();
    }

    /// Waits until the server has ended a connection on which it has nothing more to say than a status.
    pub(crate) async fn is_ended(&mut self) -> bool {
        let mut last_words = Vec::new();
        within(self.stream.read_to_end(&mut last_words))
            .await
            .unwrap();
        last_words.is_empty() || last_words.starts_with(b"HTTP/1.1 408 ")
    }

    /// The next frame; `None` when the server has ended the connection properly.
    pub(crate) async fn receive(&mut self) -> Option<WsFrame> {
        let first = match within(self.stream.read_u8()).await {
            Ok(first) => first,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return None,
            Err(error) => panic!("the connection broke: {error}"),
        };
        let second = self.octet().await;
        assert_eq!(second & 0x80, 0, "servers do not mask");
        let length = match second {
            SIXTEEN_BITS => u64::from(within(self.stream.read_u16()).await.unwrap()),
            SIXTY_FOUR_BITS => within(self.stream.read_u64()).await.unwrap(),
            length => length.into(),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        within(self.stream.read_exact(&mut payload)).await.unwrap();
        Some(WsFrame {
            fin: first & 0x80 != 0,
            reserved: first & 0x70,
            opcode: first & 0x0F,
            masked: false,
            payload,
        })
    }

    /// So many octets.
    pub(crate) async fn exactly(&mut self, octets: usize) -> Vec<u8> {
        let mut read = vec![0; octets];
        within(self.stream.read_exact(&mut read)).await.unwrap();
        read
    }

    /// Everything until the end of the connection, proper or not.
    pub(crate) async fn read_to_end(&mut self, octets: &mut Vec<u8>) -> std::io::Result<usize> {
        self.stream.read_to_end(octets).await
    }

    async fn octet(&mut self) -> u8 {
        within(self.stream.read_u8()).await.unwrap()
    }
}
