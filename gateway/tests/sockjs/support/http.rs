//! An HTTP/1 client that shows what really comes over the wire: head, chunks, the end of the connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Longest wait for anything. A bound on hanging, never a thing to wait for.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);

/// One request.
#[derive(Clone)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) version: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a str,
}

pub(crate) fn get(path: &str) -> Request<'_> {
    Request {
        method: "GET",
        path,
        version: "1.1",
        headers: Vec::new(),
        body: "",
    }
}

pub(crate) fn post<'a>(path: &'a str, body: &'a str) -> Request<'a> {
    Request {
        method: "POST",
        body,
        ..get(path)
    }
}

pub(crate) fn options(path: &str) -> Request<'_> {
    Request {
        method: "OPTIONS",
        ..get(path)
    }
}

impl<'a> Request<'a> {
    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/{}\r\nHost: test\r\n",
            self.method, self.path, self.version
        );
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if self.method == "POST" {
            head.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]);
        }
        head + "\r\n"
    }
}

/// A connection on which requests follow each other.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> Self {
        let stream = within(TcpStream::connect(server)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) async fn write(&mut self, request: &Request<'_>) {
        let text = request.head() + request.body;
        within(self.stream.write_all(text.as_bytes()))
            .await
            .unwrap();
    }

    /// The head of the next response.
    pub(crate) async fn head(&mut self) -> Head {
        let status_line = self.line().await;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Head {
            status: status.unwrap_or_else(|| panic!("no status line: {status_line:?}")),
            headers,
        }
    }

    /// The next chunk of a chunked body. `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let size = self.line().await;
        let size =
            usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("no chunk: {size:?}"));
        let chunk = self.exactly(size).await;
        assert_eq!(self.line().await, "");
        (size > 0).then_some(chunk)
    }

    pub(crate) async fn exactly(&mut self, octets: usize) -> String {
        let mut text = vec![0; octets];
        within(self.stream.read_exact(&mut text)).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = String::new();
        within(self.stream.read_to_string(&mut text)).await.unwrap();
        text
    }

    async fn body(&mut self, head: &Head) -> String {
        if let Some(length) = head.find("content-length") {
            return self.exactly(length.parse().unwrap()).await;
        }
        let mut body = String::new();
        if head.find("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                body += &chunk;
            }
        }
        body
    }

    pub(crate) async fn exchange(&mut self, request: &Request<'_>) -> Answer {
        self.write(request).await;
        if request.method == "HEAD" {
            return Answer {
                head: self.head().await,
                body: String::new(),
            };
        }
        self.answer().await
    }

    /// The whole of the next response.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let body = self.body(&head).await;
        Answer { head, body }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        within(self.stream.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }
}

/// Status and headers of a response.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// A header without its spaces, empty when it is missing.
    pub(crate) fn compact(&self, name: &str) -> String {
        self.find(name).unwrap_or_default().replace(' ', "")
    }
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }
}

/// Sends a request on a connection of its own and reads the whole answer.
pub(crate) async fn ask(server: SocketAddr, request: Request<'_>) -> Answer {
    Connection::open(server).await.exchange(&request).await
}

/// Sends a request on a connection of its own; the answer is read piece by piece, or never.
pub(crate) async fn begin(server: SocketAddr, request: Request<'_>) -> Connection {
    let mut connection = Connection::open(server).await;
    connection.write(&request).await;
    connection
}

/// Waits for something that must come.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(WAIT_MAX, future)
        .await
        .expect("it comes in time")
}
