//! Settings of TLS in the gateway itself.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::listener::tls::TlsFiles;

/// TLS on the port that clients connect to, for where no load balancer speaks it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsConfig {
    /// PEM file with the server's certificate and those it rests on. Then clients have to speak TLS. The file is
    /// read again when it changes, and on SIGHUP.
    #[arg(long, env = "TLS_CERTIFICATE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// PEM file with the certificate's private key.
    #[arg(long, env = "TLS_KEY", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// Longest time for a TLS handshake.
    #[arg(long, env = "TLS_HANDSHAKE_MAX", default_value = "10s", value_parser = super::positive_duration)]
    pub tls_handshake_max: Duration,
}

impl TlsConfig {
    /// The files, if TLS is wanted.
    pub fn files(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }
}
