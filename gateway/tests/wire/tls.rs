//! TLS spoken by the gateway itself.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::script::Client;
use crate::support::socket::{Socket, UPGRADE};
use crate::support::{gateway_with, logged, metric, within};

/// Files of a self-signed certificate.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a fresh certificate and its key.
    fn renew(&self) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key }: CertifiedKey<KeyPair> =
            generate_simple_self_signed(["chat.example".to_owned()]).unwrap();
        std::fs::write(self.path("key"), signing_key.serialize_pem()).unwrap();
        std::fs::write(self.path("certificate"), cert.pem()).unwrap();
        cert.der().clone()
    }
}

async fn connect(
    server: std::net::SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = within(TcpStream::connect(server)).await?;
    let name = ServerName::try_from("chat.example").unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn a_session_over_tls_is_like_any_other() {
    let files = Files::new();
    let trusted = files.renew();
    let (certificate, key) = (files.path("certificate"), files.path("key"));
    let gateway = gateway_with(&["--tls-certificate", &certificate, "--tls-key", &key]).await;
    let stream = connect(gateway.listen(), &trusted).await.unwrap();
    assert_eq!(
        stream.get_ref().1.alpn_protocol(),
        Some(b"http/1.1".as_slice())
    );
    let mut socket = Socket::on(stream);
    // The scheme is part of an origin: a page that came without TLS is a foreign one.
    for (origin, status) in [("http://test", 403), ("https://test", 101)] {
        let headers = [UPGRADE.as_slice(), &[("Origin", origin)]].concat();
        let head = socket.request("GET /ws HTTP/1.1", &headers).await;
        assert_eq!(head.status, status);
        if status == 403 {
            let _ = socket
                .exactly(head.get("content-length").unwrap().parse().unwrap())
                .await;
        }
    }
    let mut client = Client::on(socket);
    client.send("CONNECT|accept-version:1.2").await;
    assert!(client.next().await.starts_with("CONNECTED"));
    let bye = ["RECEIPT|receipt-id:bye", "close 1000 disconnected"];
    // Reads to the end of the connection, which without a `close_notify` would be an error.
    client.check("DISCONNECT|receipt:bye", &bye).await;

    // Without TLS nothing is said.
    let mut plain = Socket::tcp(gateway.listen()).await;
    plain.write(b"GET /ws HTTP/1.1\r\nHost: test\r\n\r\n").await;
    let mut answer = Vec::new();
    let _ = within(plain.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(metric(&gateway, r#"gateway_turned_away_total{reason="tls"}"#).await >= 1.0);
}

#[tokio::test]
async fn a_client_that_leaves_first_hears_the_end_of_tls_too() {
    let files = Files::new();
    let trusted = files.renew();
    let (certificate, key) = (files.path("certificate"), files.path("key"));
    let gateway = gateway_with(&["--tls-certificate", &certificate, "--tls-key", &key]).await;
    let mut stream = connect(gateway.listen(), &trusted).await.unwrap();
    let request = crate::support::socket::request_text("GET /ws HTTP/1.1", &UPGRADE);
    let close =
        crate::support::socket::ws_frame(crate::support::socket::CLOSE, 1_000u16.to_be_bytes());
    let octets = [request.as_bytes(), &close.encode()].concat();
    within(tokio::io::AsyncWriteExt::write_all(&mut stream, &octets))
        .await
        .unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 101"));
}

#[tokio::test]
async fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
    let files = Files::new();
    let first = files.renew();
    let (certificate, key) = (files.path("certificate"), files.path("key"));
    let gateway = gateway_with(&["--tls-certificate", &certificate, "--tls-key", &key]).await;
    let mut old = Socket::on(connect(gateway.listen(), &first).await.unwrap());

    std::fs::write(&key, "half a key").unwrap();
    gateway.process().signal(Signal::HUP);
    logged(&gateway, &["was not renewed", "--tls-key"]).await;
    connect(gateway.listen(), &first).await.unwrap();
    assert!(metric(&gateway, "gateway_tls_renewal_errors_total").await >= 1.0);

    let second = files.renew();
    gateway.process().signal(Signal::HUP);
    logged(&gateway, &["a new TLS certificate is in use"]).await;
    connect(gateway.listen(), &second).await.unwrap();
    assert!(connect(gateway.listen(), &first).await.is_err());
    let head = old.request("GET /ws HTTP/1.1", &UPGRADE).await;
    assert_eq!(head.status, 101);
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_is_not_kept() {
    let files = Files::new();
    files.renew();
    let (certificate, key) = (files.path("certificate"), files.path("key"));
    let settings = [
        "--tls-certificate",
        &certificate,
        "--tls-key",
        &key,
        "--tls-handshake-max",
        "300ms",
    ];
    let gateway = gateway_with(&settings).await;
    for octets in [&b""[..], &[0x16, 0x03, 0x01, 0x02, 0x00]] {
        let mut socket = Socket::tcp(gateway.listen()).await;
        socket.write(octets).await;
        assert!(socket.is_ended().await);
    }
}

#[test]
fn files_that_cannot_be_used_end_the_process_with_64() {
    let files = Files::new();
    files.renew();
    let other = Files::new();
    other.renew();
    let (certificate, key) = (files.path("certificate"), files.path("key"));
    let missing = files.path("missing");
    let foreign = other.path("key");
    for (certificate, key, blamed) in [
        (missing.as_str(), key.as_str(), "--tls-certificate"),
        (&certificate, &missing, "--tls-key"),
        (&key, &key, "--tls-certificate"),
        (&certificate, &certificate, "--tls-key"),
        (&certificate, &foreign, "--tls-key"),
        (&certificate, "", "--tls-key"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.args([
            "--auth",
            "open",
            "--listen",
            "127.0.0.1:0",
            "--tls-certificate",
            certificate,
        ]);
        if !key.is_empty() {
            command.args(["--tls-key", key]);
        }
        let run = command.output().unwrap();
        assert_eq!(run.status.code(), Some(64), "{certificate} {key}");
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(said.contains(blamed), "{said}");
        let secret = std::fs::read_to_string(Path::new(&files.path("key"))).unwrap();
        let line = secret.lines().nth(1).unwrap();
        assert!(!said.contains(line), "the key is told to nobody");
    }
}
