//! Asking the administration port of the process beside this one: one request, one answer.
//!
//! For subcommands that are run next to a daemon, mostly in its container, whose image holds nothing else that could
//! ask. No runtime and no HTTP library: every step has a deadline, the answer has a bound.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::BadSettings;

/// What the process answered.
#[derive(Debug)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// All of it.
    pub body: String,
}

/// How long and how much to wait for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Longest wait for the connection, for the request to be taken, and for each piece of the answer.
    pub step_max: Duration,
    /// Longest answer, in octets; a longer one is an error.
    pub answer_octets_max: u64,
}

/// Where to ask a process that listens there.
///
/// # Errors
/// Port 0 names no port that could be asked.
pub fn address(listen: SocketAddr) -> Result<SocketAddr, BadSettings> {
    if listen.port() == 0 {
        return Err(BadSettings(
            "--admin-listen must name a port that can be asked".to_owned(),
        ));
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, listen.port()))
}

/// Asks.
///
/// # Errors
/// Nobody answers there, or nothing that is HTTP.
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    patience: Patience,
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, patience.step_max)?;
    stream.set_read_timeout(Some(patience.step_max))?;
    stream.set_write_timeout(Some(patience.step_max))?;
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let limit = patience.answer_octets_max;
    stream.take(limit + 1).read_to_end(&mut answer)?;
    if answer.len() as u64 > limit {
        let text = format!("the answer is longer than {limit} octets");
        return Err(Error::new(ErrorKind::InvalidData, text));
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let no_http = || Error::new(ErrorKind::InvalidData, "the answer is not HTTP");
    Ok(Answer {
        status: status.ok_or_else(no_http)?,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const PATIENCE: Patience = Patience {
        step_max: Duration::from_secs(5),
        answer_octets_max: 100,
    };

    #[test]
    fn whoever_listens_everywhere_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:9090", "127.0.0.1:9090"),
            ("[::]:9090", "[::1]:9090"),
            ("10.0.0.7:1", "10.0.0.7:1"),
        ] {
            assert_eq!(
                address(listen.parse().unwrap()),
                Ok(asked.parse().unwrap()),
                "{listen}"
            );
        }
        assert!(address("127.0.0.1:0".parse().unwrap()).is_err());
    }

    #[test]
    fn an_answer_is_http_and_not_too_long() {
        let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100));
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\nready\n", Some((200, "ready\n"))),
            (
                "HTTP/1.1 503 Service Unavailable\r\n\r\nNATS is away\n",
                Some((503, "NATS is away\n")),
            ),
            ("", None),
            ("SSH-2.0-OpenSSH_9.2\r\n", None),
            (&long, None),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let answered = std::thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut request = [0; 256];
                    let length = stream.read(&mut request).unwrap();
                    assert!(request[..length].starts_with(b"DELETE /x HTTP/1.1\r\n"));
                    stream.write_all(answer.as_bytes()).unwrap();
                });
                ask(address, "DELETE", "/x", PATIENCE)
            });
            let answered = answered.ok();
            let answered = answered.as_ref().map(|a| (a.status, a.body.as_str()));
            assert_eq!(answered, expected, "{answer:?}");
        }
    }

    #[test]
    fn nobody_there_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        assert!(ask(address, "GET", "/", PATIENCE).is_err());
    }
}
