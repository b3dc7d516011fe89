//! Asks a port over HTTP: one request, one answer.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Largest answer read; `/metrics` is the largest there is.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How often readiness is asked for. Nothing tells us when it changes.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Status line and headers, as they came.
    head: String,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// The first header of this name, which is written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        headers
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// Status and body of `GET path`.
pub async fn get(server: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let answer = ask(server, path).await?;
    Ok((answer.status, answer.body))
}

/// The answer to `GET path`.
pub async fn ask(server: SocketAddr, path: &str) -> io::Result<Answer> {
    ask_with(server, path, &[]).await
}

/// The same with headers.
pub async fn ask_with(
    server: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> io::Result<Answer> {
    exchange(server, &format!("GET {path}"), headers, "").await
}

/// The answer to `POST path` with this body.
pub async fn post(server: SocketAddr, path: &str, body: &str) -> io::Result<Answer> {
    let length = body.len().to_string();
    let headers = [("Content-Length", length.as_str())];
    exchange(server, &format!("POST {path}"), &headers, body).await
}

async fn exchange(
    server: SocketAddr,
    what: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    // HTTP/1.0: no chunks, and the end of the connection is the end of the body.
    let request = format!(
        "{what} HTTP/1.0\r\nHost: {server}\r\n{}\r\n{body}",
        headers.collect::<String>()
    );
    timeout(ANSWER_MAX, answer(server, &request))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn answer(server: SocketAddr, request: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_string(&mut answer)
        .await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// Waits until `/readyz` answers with this status; the error quotes the last answer.
pub async fn wait_readyz(
    server: SocketAddr,
    status: u16,
    wait_max: Duration,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + wait_max;
    loop {
        let answer = get(server, "/readyz").await;
        match answer {
            Ok((found, _)) if found == status => return Ok(()),
            _ if Instant::now() < deadline => sleep(POLL_INTERVAL).await,
            Ok((found, body)) => bail!(
                "/readyz still answers {found} ({}) after {wait_max:?}",
                body.trim()
            ),
            Err(error) => bail!("/readyz does not answer after {wait_max:?}: {error}"),
        }
    }
}
