//! Where NATS is, who we are to it, and whom we take for it.

use std::path::{Path, PathBuf};

use async_nats::ServerAddr;
use clap::Args;

use super::BadSettings;
use crate::bus::credentials::Credentials;

/// Where NATS is, and how both sides know each other.
///
/// Secrets are in files alone: no list of processes and no description of a pod shows them, and each new connection
/// reads them again, so that they can be replaced while the process runs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "NATS")]
pub struct NatsConfig {
    /// Servers, separated by commas; any one of them is enough to start. `tls://` instead of `nats://` insists on
    /// TLS.
    #[arg(
        long,
        env = "NATS_URL",
        default_value = "nats://127.0.0.1:4222",
        value_delimiter = ','
    )]
    pub nats_url: Vec<ServerAddr>,

    /// User to connect as, with the password of --nats-password-file.
    #[arg(long, env = "NATS_USER", requires = "nats_password_file")]
    pub nats_user: Option<String>,

    /// File whose first line is the user's password.
    #[arg(long, env = "NATS_PASSWORD_FILE", requires = "nats_user")]
    pub nats_password_file: Option<PathBuf>,

    /// File with the seed of an nkey to connect with.
    #[arg(long, env = "NATS_NKEY_FILE", conflicts_with = "nats_user")]
    pub nats_nkey_file: Option<PathBuf>,

    /// File with JWT and seed of a user to connect as, as `nsc` writes them.
    #[arg(long, env = "NATS_CREDENTIALS_FILE", conflicts_with_all = ["nats_user", "nats_nkey_file"])]
    pub nats_credentials_file: Option<PathBuf>,

    /// PEM file of the authorities that may vouch for the servers; insists on TLS. None: those of the system, where
    /// a server asks for TLS.
    #[arg(long, env = "NATS_CA_FILE")]
    pub nats_ca_file: Option<PathBuf>,

    /// PEM file with the certificate that this process shows to the servers; insists on TLS.
    #[arg(long, env = "NATS_CERTIFICATE_FILE", requires = "nats_key_file")]
    pub nats_certificate_file: Option<PathBuf>,

    /// PEM file with the key of that certificate.
    #[arg(long, env = "NATS_KEY_FILE", requires = "nats_certificate_file")]
    pub nats_key_file: Option<PathBuf>,
}

impl NatsConfig {
    /// Checks that every file named is there and holds what it should.
    ///
    /// # Errors
    /// A sentence that names the file and never repeats what is in it.
    pub fn check(&self) -> Result<(), BadSettings> {
        if self
            .nats_url
            .iter()
            .any(|server| server.has_user_pass() || server.password().is_some())
        {
            // The client library would silently leave them out.
            return Err(BadSettings(
                "--nats-url must hold no user and no password: there are --nats-user and --nats-password-file"
                    .to_owned(),
            ));
        }
        self.credentials().read().map_err(|error| {
            BadSettings(format!("the credentials for NATS cannot be used: {error}"))
        })?;
        for (file, flag) in [
            (&self.nats_ca_file, "--nats-ca-file"),
            (&self.nats_certificate_file, "--nats-certificate-file"),
            (&self.nats_key_file, "--nats-key-file"),
        ] {
            if let Some(file) = file {
                holds_pem(file).map_err(|why| {
                    BadSettings(format!("{flag} {} cannot be used: {why}", file.display()))
                })?;
            }
        }
        Ok(())
    }

    /// Who we are.
    pub(crate) fn credentials(&self) -> Credentials {
        if let Some(file) = &self.nats_credentials_file {
            Credentials::Jwt(file.clone())
        } else if let Some(file) = &self.nats_nkey_file {
            Credentials::Nkey(file.clone())
        } else if let (Some(user), Some(file)) = (&self.nats_user, &self.nats_password_file) {
            Credentials::Password {
                user: user.clone(),
                file: file.clone(),
            }
        } else {
            Credentials::None
        }
    }
}

fn holds_pem(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    if text.contains("-----BEGIN ") {
        Ok(())
    } else {
        Err("it holds no PEM block".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        nats: NatsConfig,
    }

    fn config(arguments: &[&str]) -> Result<NatsConfig, clap::Error> {
        Cli::try_parse_from([&["x"], arguments].concat()).map(|cli| cli.nats)
    }

    #[test]
    fn there_is_one_way_to_be_known() {
        for (arguments, fine) in [
            (&[][..], true),
            (&["--nats-user", "u", "--nats-password-file", "f"], true),
            (&["--nats-user", "u"], false),
            (&["--nats-password-file", "f"], false),
            (&["--nats-nkey-file", "f"], true),
            (
                &["--nats-nkey-file", "f", "--nats-credentials-file", "f"],
                false,
            ),
            (&["--nats-certificate-file", "f"], false),
        ] {
            assert_eq!(config(arguments).is_ok(), fine, "{arguments:?}");
        }
    }

    #[test]
    fn addresses_hold_no_secrets() {
        let secret = config(&["--nats-url", "tls://host,nats://u:secret@host"]).unwrap();
        let said = secret.check().unwrap_err().to_string();
        assert!(!said.contains("secret"), "{said}");
        config(&["--nats-url", "tls://host:4222,host"])
            .unwrap()
            .check()
            .unwrap();
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        for flags in [
            &["--nats-nkey-file", "/nowhere"][..],
            &["--nats-credentials-file", "/nowhere"],
            &["--nats-user", "u", "--nats-password-file", "/nowhere"],
            &["--nats-ca-file", "/nowhere"],
        ] {
            let said = config(flags).unwrap().check().unwrap_err().to_string();
            assert!(said.contains("/nowhere"), "{said}");
        }
    }
}
