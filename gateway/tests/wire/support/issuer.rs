//! An issuer of tokens: keys of each kind, and a server that publishes them, or answers whatever a test wants.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Made for these tests with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`, since ring makes no RSA
/// keys. It protects nothing.
const RSA_TEST_KEY: &[u8] = include_bytes!("rsa-test-key.pem");

/// URL-safe base64 without padding.
pub(crate) fn base64(octets: &[u8]) -> String {
    BASE64URL_NOPAD.encode(octets)
}

/// A key that an issuer signs with.
pub(crate) struct Key {
    pub(crate) id: String,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    pub(crate) fn eddsa(id: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        Self::new(id, Pair::Ed25519(pair))
    }

    pub(crate) fn es256(id: &str) -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap();
        Self::new(id, Pair::P256(pair))
    }

    pub(crate) fn rs256(id: &str) -> Self {
        let document = PrivatePkcs8KeyDer::from_pem_slice(RSA_TEST_KEY).unwrap();
        let pair = RsaKeyPair::from_pkcs8(document.secret_pkcs8_der()).unwrap();
        Self::new(id, Pair::Rsa(pair))
    }

    fn new(id: &str, pair: Pair) -> Self {
        let id = id.to_owned();
        Self { id, pair }
    }

    /// As the issuer publishes it.
    pub(crate) fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Ed25519(pair) => {
                let x = base64(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x})
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (base64(x), base64(y));
                json!({"kty": "EC", "crv": "P-256", "kid": self.id, "x": x, "y": y})
            }
            Pair::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                let (n, e) = (base64(&public.n), base64(&public.e));
                json!({"kty": "RSA", "kid": self.id, "use": "sig", "n": n, "e": e})
            }
        }
    }

    /// The public key, as anybody can have it.
    pub(crate) fn public(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// What it signs with.
    pub(crate) fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::P256(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": self.algorithm(), "kid": self.id}), claims)
    }

    /// The same with a header of one's choice.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!(
            "{}.{}",
            base64(header.to_string().as_bytes()),
            base64(claims.to_string().as_bytes())
        );
        let (octets, random) = (message.as_bytes(), SystemRandom::new());
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(octets).as_ref().to_vec(),
            Pair::P256(pair) => pair.sign(&random, octets).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, octets, &mut signature)
                    .unwrap();
                signature
            }
        };
        format!("{message}.{}", base64(&signature))
    }
}

/// What the server says to a question.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These octets, and then nothing more.
    Octets(Vec<u8>),
    /// Nothing, for as long as the asker waits.
    Silence,
}

impl Reply {
    /// An HTTP response with this status and body.
    pub(crate) fn http(status: &str, headers: &str, body: &str) -> Self {
        let octets = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {octets}\r\n{headers}\r\n");
        Self::Octets((head + body).into_bytes())
    }

    fn keys(keys: &[Value]) -> Self {
        let set = json!({ "keys": keys }).to_string();
        Self::http("200 OK", "Content-Type: application/json\r\n", &set)
    }
}

/// The server. It ends with the test.
pub(crate) struct Issuer {
    pub(crate) url: String,
    reply: Arc<Mutex<Reply>>,
    asked: Arc<AtomicU32>,
    server: JoinHandle<()>,
}

impl Issuer {
    /// One that publishes these keys over plain HTTP.
    pub(crate) async fn start(keys: &[Value]) -> Self {
        Self::serve(keys, "http", None).await
    }

    /// The same over HTTPS, with a certificate for `localhost`.
    pub(crate) async fn start_tls(
        keys: &[Value],
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Self {
        let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::serve(keys, "https", Some(acceptor)).await
    }

    async fn serve(keys: &[Value], scheme: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let reply = Arc::new(Mutex::new(Reply::keys(keys)));
        let asked = Arc::new(AtomicU32::new(0));
        let answers = (Arc::clone(&reply), Arc::clone(&asked));
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        let server = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answers, tls) = (answers.clone(), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => answer(stream, &answers).await,
                        // Whoever does not trust the certificate breaks off.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => answer(stream, &answers).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self {
            url: format!("{scheme}://localhost:{port}/jwks"),
            reply,
            asked,
            server,
        }
    }

    /// From here on it publishes these keys.
    pub(crate) fn publish(&self, keys: &[Value]) {
        self.says(Reply::keys(keys));
    }

    /// From here on it says this.
    pub(crate) fn says(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Nobody listens there any more.
    pub(crate) fn goes_away(&self) {
        self.server.abort();
    }
}

type Answers = (Arc<Mutex<Reply>>, Arc<AtomicU32>);

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    (reply, asked): &Answers,
) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    asked.fetch_add(1, Ordering::Relaxed);
    let reply = reply.lock().unwrap().clone();
    match reply {
        Reply::Octets(octets) => {
            stream.write_all(&octets).await.ok()?;
            stream.shutdown().await.ok()
        }
        Reply::Silence => std::future::pending().await,
    }
}
