//! TLS spoken by the gateway itself, for where nothing in front of it does.
//!
//! Certificate and key come from files that somebody else renews. They are read again when their contents change
//! and on SIGHUP; what cannot be used then is complained about, and the old ones stay. Connections keep what they
//! began with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shared::config::BadSettings;
use shared::metric;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::stream::{ClientStream, Socket};

/// How often the files are compared with what is in use.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// What is agreed on within TLS: WebSocket needs HTTP/1.1.
const PROTOCOL: &[u8] = b"http/1.1";

/// Where certificate and key are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain, PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Speaks TLS with clients; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls {
    config: watch::Receiver<Arc<ServerConfig>>,
    handshake_max: Duration,
}

/// Reads the files again when they change.
#[derive(Debug)]
pub struct Renewal {
    files: TlsFiles,
    contents: Contents,
    config: watch::Sender<Arc<ServerConfig>>,
}

/// What stood in the files.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is nobody's business.
        f.write_str("Contents(…)")
    }
}

/// Why no TLS connection came of a TCP connection. That one ends with this, so whoever counts it first has counted it
/// before the client knows.
#[derive(Debug)]
pub struct NotSecured {
    /// What went wrong.
    pub error: io::Error,
    _socket: Option<Socket>,
}

impl Tls {
    /// Reads the files. A handshake may take `handshake_max`.
    ///
    /// # Errors
    /// Which file cannot be used and why.
    pub fn new(files: TlsFiles, handshake_max: Duration) -> Result<(Self, Renewal), BadSettings> {
        let contents = Contents::read(&files)?;
        let (sender, config) = watch::channel(contents.config(&files)?);
        let renewal = Renewal {
            files,
            contents,
            config: sender,
        };
        let tls = Self {
            config,
            handshake_max,
        };
        Ok((tls, renewal))
    }

    /// Agrees on keys with a client that has just connected.
    ///
    /// # Errors
    /// It does not speak TLS, not of this century, or not in time.
    pub async fn accept(&self, socket: Socket) -> Result<ClientStream, NotSecured> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config.borrow()));
        let handshake = acceptor.accept(socket).into_fallible();
        match tokio::time::timeout(self.handshake_max, handshake).await {
            Ok(Ok(stream)) => Ok(ClientStream::Tls(Box::new(stream))),
            Ok(Err((error, socket))) => Err(NotSecured {
                error,
                _socket: Some(socket),
            }),
            Err(late) => Err(NotSecured {
                error: late.into(),
                _socket: None,
            }),
        }
    }
}

impl Renewal {
    /// Looks at the files now and then, and whenever the process gets a SIGHUP.
    pub async fn run(mut self) {
        let Ok(mut hang_ups) = signal(SignalKind::hangup()) else {
            tracing::error!("SIGHUP cannot be waited for: certificates would not be renewed");
            return;
        };
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut complained = None;
        loop {
            let asked = tokio::select! {
                _ = looks.tick() => false,
                Some(()) = hang_ups.recv() => true,
            };
            match self.look() {
                Ok(false) if asked => {
                    tracing::info!("the TLS certificate is the one in use already");
                }
                Ok(false) => {}
                Ok(true) => tracing::info!("a new TLS certificate is in use"),
                // Once a complaint, not once a look: half-written files are common, and soon whole.
                Err(error) if asked || complained.as_ref() != Some(&error) => {
                    metrics::counter!(metric::TLS_RENEWAL_ERRORS).increment(1);
                    tracing::error!(%error, "the TLS certificate was not renewed; the old one stays in use");
                    complained = Some(error);
                    continue;
                }
                Err(_) => continue,
            }
            complained = None;
        }
    }

    /// Takes new contents over; whether there were any.
    fn look(&mut self) -> Result<bool, BadSettings> {
        let contents = Contents::read(&self.files)?;
        if contents == self.contents {
            return Ok(false);
        }
        let config = contents.config(&self.files)?;
        self.contents = contents;
        self.config.send_replace(config);
        Ok(true)
    }
}

impl Contents {
    /// The files are a few KiB: reading them holds nobody up.
    fn read(files: &TlsFiles) -> Result<Self, BadSettings> {
        let read =
            |path: &Path, flag| std::fs::read(path).map_err(|error| cannot_use(flag, path, error));
        Ok(Self {
            certificate: read(&files.certificate, "--tls-certificate")?,
            key: read(&files.key, "--tls-key")?,
        })
    }

    fn config(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, BadSettings> {
        let bad_certificate =
            |error: String| cannot_use("--tls-certificate", &files.certificate, error);
        let bad_key = |error: String| cannot_use("--tls-key", &files.key, error);
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| bad_certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(bad_certificate("no certificate is in it".to_owned()));
        }
        let key =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| bad_key(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad_certificate(error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| bad_key(format!("it does not fit the certificate: {error}")))?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Returning clients bring their own session along: nothing has to be kept for them.
        config.ticketer = ring::Ticketer::new().map_err(|error| bad_key(error.to_string()))?;
        Ok(Arc::new(config))
    }
}

fn cannot_use(flag: &str, path: &Path, error: impl std::fmt::Display) -> BadSettings {
    BadSettings(format!("cannot use {flag} {}: {error}", path.display()))
}
