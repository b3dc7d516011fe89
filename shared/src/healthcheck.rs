//! `gateway healthcheck`, `persister healthcheck`: asks the process beside it how it is.
//!
//! For containers, whose images hold nothing else that could ask. No runtime and no HTTP library: one request, one
//! answer, a deadline for each step.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::{AdminConfig, BadSettings, EXIT_BAD_SETTINGS};

/// Longest wait for the connection, for the request to be taken, and for each piece of the answer.
const STEP_MAX: Duration = Duration::from_secs(1);

/// Longest answer read, in octets; ours are one line.
const ANSWER_OCTETS_MAX: u64 = 4 << 10;

/// What to ask, and where.
#[derive(Debug, Clone, Args)]
pub struct HealthcheckConfig {
    /// What is asked.
    #[arg(long, value_enum, default_value_t = Probe::Ready)]
    pub probe: Probe,

    /// Where the process that is asked serves probes: the same setting as its own.
    #[command(flatten)]
    pub admin: AdminConfig,
}

/// A question to a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Probe {
    /// Whether it can do its work now.
    Ready,
    /// Whether it answers at all.
    Live,
}

/// Asks, says what is wrong on standard error, and returns the code to exit with.
pub fn run(config: &HealthcheckConfig) -> ExitCode {
    let (code, complaint) = match address(config.admin.admin_listen) {
        Err(error) => (
            ExitCode::from(EXIT_BAD_SETTINGS),
            format!("error: {error}\n"),
        ),
        Ok(address) => match ask(address, config.probe) {
            Ok(Answer { ok: true, .. }) => return ExitCode::SUCCESS,
            Ok(Answer { body, .. }) => (ExitCode::FAILURE, body),
            Err(error) => (ExitCode::FAILURE, format!("{address}: {error}\n")),
        },
    };
    // The exit code says it too.
    let _ = std::io::stderr().write_all(complaint.as_bytes());
    code
}

struct Answer {
    ok: bool,
    body: String,
}

/// Where to ask a process that listens there.
fn address(listen: SocketAddr) -> Result<SocketAddr, BadSettings> {
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

fn ask(address: SocketAddr, probe: Probe) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, STEP_MAX)?;
    stream.set_read_timeout(Some(STEP_MAX))?;
    stream.set_write_timeout(Some(STEP_MAX))?;
    let path = match probe {
        Probe::Ready => "/readyz",
        Probe::Live => "/livez",
    };
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_OCTETS_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(Answer {
        ok: head.split(' ').nth(1) == Some("200"),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

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
    fn only_200_is_healthy() {
        for (answer, ok) in [
            ("HTTP/1.1 200 OK\r\n\r\nready\n", true),
            (
                "HTTP/1.1 503 Service Unavailable\r\n\r\nNATS is away\n",
                false,
            ),
            ("", false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 256];
                let length = stream.read(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8_lossy(&request[..length]).into_owned()
            });
            assert_eq!(ask(address, Probe::Ready).unwrap().ok, ok, "{answer:?}");
            assert!(
                server
                    .join()
                    .unwrap()
                    .starts_with("GET /readyz HTTP/1.1\r\n")
            );
        }
    }

    #[test]
    fn nobody_there_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        assert!(ask(address, Probe::Live).is_err());
    }
}
