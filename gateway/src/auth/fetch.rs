//! Fetches an issuer's key set over HTTP(S): one GET, bounded in time and size, no redirects.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use axum::http::header::{ACCEPT, LOCATION};
use axum::http::{Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Longest time for one attempt, from the look-up of the name to the last octet.
const FETCH_MAX: Duration = Duration::from_secs(4);

/// Largest answer that is read: a hundred certificates with their keys are smaller.
const ANSWER_OCTETS_MAX: usize = 256 << 10;

/// Fetches from one address.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: Uri,
}

impl Fetcher {
    /// Certificates are checked against those that the system trusts; `SSL_CERT_FILE` names others.
    ///
    /// # Errors
    /// The system has none.
    pub(super) fn new(url: Uri) -> anyhow::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("the system has no certificates to check those of --jwks-url against")?
            .https_or_http()
            .enable_http1()
            .build();
        // A connection kept for the next fetch would be dead by then.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Ok(Self { client, url })
    }

    /// Fetches once.
    pub(super) async fn fetch(&self) -> anyhow::Result<Bytes> {
        tokio::time::timeout(FETCH_MAX, self.get())
            .await
            .with_context(|| format!("no answer within {FETCH_MAX:?}"))?
    }

    async fn get(&self) -> anyhow::Result<Bytes> {
        let request = Request::get(self.url.clone())
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .body(Empty::new())?;
        let response = self.client.request(request).await?;
        let status = response.status();
        // Following it could end anywhere, plain HTTP included.
        if status.is_redirection() && response.headers().contains_key(LOCATION) {
            bail!("{status}: redirects are not followed");
        }
        ensure!(status == StatusCode::OK, "the answer's status is {status}");
        match Limited::new(response, ANSWER_OCTETS_MAX).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => {
                bail!("the answer breaks off or is longer than {ANSWER_OCTETS_MAX} octets: {error}")
            }
        }
    }
}
