//! How clients prove who they are.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use shared::config::{BadSettings, duration};

use super::positive_duration;
use crate::auth::Rules;

/// Shortest secret, in octets: as long as the hash (RFC 7518, section 3.2). A shorter one can be guessed from any
/// token.
const SECRET_OCTETS_MIN: usize = 32;

/// Whom to believe.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Authentication")]
pub struct AuthConfig {
    /// How clients prove who they are: `jwt` asks for a token. `open` believes every client, is for development
    /// only, and serves nobody but this machine. There is no default.
    #[arg(long, env = "AUTH", value_enum)]
    pub auth: Option<Auth>,

    /// Serve others than this machine with --auth open all the same: for networks that nobody else reaches.
    #[arg(long, env = "AUTH_OPEN_ANYWHERE")]
    pub auth_open_anywhere: bool,

    #[command(flatten)]
    pub jwt: JwtConfig,
}

/// How clients prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// They do not: the author is whoever the payload says.
    Open,
    /// With a JSON Web Token.
    Jwt,
}

/// What a token has to be like.
#[derive(Debug, Clone, Args)]
pub struct JwtConfig {
    #[command(flatten)]
    pub secret: SecretConfig,

    #[command(flatten)]
    pub claims: ClaimsConfig,

    /// Where the issuer's public keys are, a JWK set: tokens are signed with one of them (RS256, ES256 or EdDSA).
    /// Certificates are checked against the system's, or those in `SSL_CERT_FILE`.
    #[arg(long, env = "JWKS_URL")]
    pub jwks_url: Option<Uri>,

    /// Take a --jwks-url of plain HTTP on another machine: whoever can answer in its place can sign tokens.
    #[arg(long, env = "JWKS_HTTP_ANYWHERE")]
    pub jwks_http_anywhere: bool,

    /// How often the issuer's keys are fetched; a withdrawn key counts for as long.
    #[arg(long, env = "JWKS_REFRESH", default_value = "5m", value_parser = positive_duration)]
    pub jwks_refresh: Duration,

    /// How long the issuer's keys count while they cannot be fetched again.
    #[arg(long, env = "JWKS_KEEP", default_value = "1d", value_parser = positive_duration)]
    pub jwks_keep: Duration,

    /// By how much the issuer's clock may differ from ours, in whole seconds; sessions end that much after their
    /// tokens.
    #[arg(long, env = "JWT_LEEWAY", default_value = "10s", value_parser = duration)]
    pub jwt_leeway: Duration,
}

/// A secret that the issuer of tokens and the gateway share.
#[derive(Debug, Clone, Args)]
pub struct SecretConfig {
    /// The secret that tokens are signed with (HS256), at least 32 octets. Better in the environment or in
    /// --jwt-secret-file than on the command line, which everybody on the machine can read.
    #[arg(
        long,
        env = "JWT_SECRET",
        hide_env_values = true,
        conflicts_with = "jwt_secret_file"
    )]
    pub jwt_secret: Option<SecretString>,

    /// The file that holds this secret. A line end after it is not part of it.
    #[arg(long, env = "JWT_SECRET_FILE")]
    pub jwt_secret_file: Option<PathBuf>,
}

/// What a token has to say.
#[derive(Debug, Clone, Args)]
pub struct ClaimsConfig {
    /// Only tokens of this issuer (`iss`), or one of several, separated by commas.
    #[arg(long, env = "JWT_ISSUER", value_delimiter = ',')]
    pub jwt_issuer: Vec<String>,

    /// Only tokens for this audience (`aud`), or one of several, separated by commas.
    #[arg(long, env = "JWT_AUDIENCE", value_delimiter = ',')]
    pub jwt_audience: Vec<String>,

    /// The claim that holds the user's id, a positive integer as number or text.
    #[arg(long, env = "JWT_USER_CLAIM", default_value = "sub")]
    pub jwt_user_claim: String,
}

/// What tokens are signed with.
#[derive(Debug)]
pub enum KeySource {
    /// A shared secret.
    Secret(SecretSlice<u8>),
    /// One of the keys at this address.
    Jwks(Uri),
}

impl AuthConfig {
    /// Which way it is.
    ///
    /// # Errors
    /// Nobody has said.
    pub fn auth(&self) -> Result<Auth, BadSettings> {
        self.auth.ok_or_else(|| {
            BadSettings("--auth (AUTH) is missing: jwt, or open for development".to_owned())
        })
    }

    /// Checks what concerns several settings at once; `listen` is where clients connect.
    pub(super) fn check(&self, listen: SocketAddr) -> Result<(), BadSettings> {
        if self.auth()? == Auth::Jwt {
            return self.jwt.key_source().map(drop);
        }
        if self.jwt.has_keys() {
            return Err(BadSettings(
                "--auth open asks for no token: leave out --jwt-secret, --jwt-secret-file and --jwks-url, or use --auth jwt"
                    .to_owned(),
            ));
        }
        if !listen.ip().is_loopback() && !self.auth_open_anywhere {
            return Err(BadSettings(format!(
                "--auth open believes every client, and --listen {listen} lets in others than this machine's; use --auth jwt, \
                 or insist with --auth-open-anywhere (AUTH_OPEN_ANYWHERE=true)"
            )));
        }
        Ok(())
    }
}

impl JwtConfig {
    /// The same in the form the checks want it.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            issuers: self.claims.jwt_issuer.clone(),
            audiences: self.claims.jwt_audience.clone(),
            user_claim: self.claims.jwt_user_claim.clone(),
            leeway: self.jwt_leeway,
        }
    }

    fn has_keys(&self) -> bool {
        self.secret.is_given() || self.jwks_url.is_some()
    }

    /// What tokens are signed with.
    ///
    /// # Errors
    /// Neither or both, a secret that is too short or cannot be read, an address that cannot be trusted.
    pub fn key_source(&self) -> Result<KeySource, BadSettings> {
        match (&self.jwks_url, self.secret.is_given()) {
            (None, true) => self.secret.read().map(KeySource::Secret),
            (Some(url), false) => {
                check_url(url, self.jwks_http_anywhere)?;
                Ok(KeySource::Jwks(url.clone()))
            }
            (None, false) => Err(BadSettings(
                "--auth jwt needs --jwt-secret-file (or JWT_SECRET), or --jwks-url".to_owned(),
            )),
            (Some(_), true) => Err(BadSettings(
                "tokens are signed with a shared secret or with the keys at --jwks-url, not with either".to_owned(),
            )),
        }
    }
}

impl SecretConfig {
    fn is_given(&self) -> bool {
        self.jwt_secret.is_some() || self.jwt_secret_file.is_some()
    }

    /// The secret.
    ///
    /// # Errors
    /// There is none, or it is too short, or its file cannot be read.
    pub fn read(&self) -> Result<SecretSlice<u8>, BadSettings> {
        let secret = match (&self.jwt_secret, &self.jwt_secret_file) {
            (Some(secret), _) => secret.expose_secret().as_bytes().to_vec(),
            (None, Some(file)) => read_secret(file)?,
            (None, None) => {
                return Err(BadSettings(
                    "--jwt-secret-file (JWT_SECRET_FILE) or JWT_SECRET is missing".to_owned(),
                ));
            }
        };
        if secret.len() < SECRET_OCTETS_MIN {
            return Err(BadSettings(format!(
                "the secret of tokens has {} octets; it needs at least {SECRET_OCTETS_MIN}, like those of `openssl rand -base64 48`",
                secret.len()
            )));
        }
        Ok(secret.into())
    }
}

fn read_secret(file: &Path) -> Result<Vec<u8>, BadSettings> {
    let mut secret = std::fs::read(file)
        .map_err(|error| BadSettings(format!("--jwt-secret-file {}: {error}", file.display())))?;
    for end in [b'\n', b'\r'] {
        if secret.last() == Some(&end) {
            secret.pop();
        }
    }
    Ok(secret)
}

fn check_url(url: &Uri, http_anywhere: bool) -> Result<(), BadSettings> {
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost"
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback());
    match url.scheme_str() {
        _ if host.is_empty() => {}
        Some("https") => return Ok(()),
        Some("http") if is_loopback || http_anywhere => return Ok(()),
        Some("http") => {
            return Err(BadSettings(format!(
                "--jwks-url {url} is plain HTTP: whoever can answer in its place can sign tokens; use https, \
                 or insist with --jwks-http-anywhere (JWKS_HTTP_ANYWHERE=true)"
            )));
        }
        _ => {}
    }
    Err(BadSettings(format!("--jwks-url {url} is no http(s) URL")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Config;

    /// Long enough.
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        config: Config,
    }

    fn check(arguments: &[&str]) -> Result<(), String> {
        let flags = Flags::try_parse_from([&["gateway"], arguments].concat());
        let flags = flags.map_err(|error| error.to_string())?;
        flags.config.check().map_err(|error| error.0)
    }

    #[test]
    fn open_mode_is_asked_for_by_name_and_serves_this_machine_unless_insisted() {
        assert!(check(&[]).is_err());
        assert_eq!(check(&["--auth", "open"]), Ok(()));
        assert_eq!(check(&["--auth", "open", "--listen", "[::1]:1"]), Ok(()));
        for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:1"] {
            let open = ["--auth", "open", "--listen", listen];
            assert!(check(&open).unwrap_err().contains("--auth-open-anywhere"));
            let insisted = [&open[..], &["--auth-open-anywhere"]].concat();
            assert_eq!(check(&insisted), Ok(()));
        }
        assert!(check(&["--auth", "open", "--jwt-secret", SECRET]).is_err());
    }

    #[test]
    fn tokens_have_one_kind_of_key() {
        let jwks = ["--jwks-url", "https://issuer.example/jwks"];
        let secret = ["--jwt-secret", SECRET];
        let jwt = |more: &[&str]| check(&[&["--auth", "jwt"], more].concat());
        assert!(jwt(&[]).is_err());
        assert_eq!(jwt(&secret), Ok(()));
        assert_eq!(jwt(&jwks), Ok(()));
        assert!(jwt(&[secret, jwks].concat()).is_err());
        assert!(jwt(&["--jwt-secret-file", "/nowhere/at/all"]).is_err());
    }

    #[test]
    fn short_secrets_are_refused_and_none_is_printed() {
        let short = check(&["--auth", "jwt", "--jwt-secret", &SECRET[1..]]);
        assert!(short.unwrap_err().contains("31 octets"));
        let flags =
            Flags::try_parse_from(["gateway", "--auth", "jwt", "--jwt-secret", SECRET]).unwrap();
        let printed = format!(
            "{:?} {:?}",
            flags.config,
            flags.config.auth.jwt.key_source()
        );
        assert!(!printed.contains(SECRET), "{printed}");
    }

    #[test]
    fn keys_come_over_tls_or_from_this_machine_unless_insisted() {
        for (url, plain, insisted) in [
            ("https://issuer.example/jwks", true, true),
            ("http://127.0.0.1:1/jwks", true, true),
            ("http://[::1]/jwks", true, true),
            ("http://localhost/jwks", true, true),
            ("http://issuer.example/jwks", false, true),
            ("http://localhost.example/jwks", false, true),
            ("ftp://127.0.0.1/jwks", false, false),
            ("/jwks", false, false),
        ] {
            let url: Uri = url.parse().unwrap();
            assert_eq!(check_url(&url, false).is_ok(), plain, "{url}");
            assert_eq!(check_url(&url, true).is_ok(), insisted, "{url}");
        }
    }

    #[test]
    fn one_line_end_is_no_part_of_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        for (content, secret) in [
            (format!("{SECRET}\n"), SECRET.to_owned()),
            (format!("{SECRET}\r\n"), SECRET.to_owned()),
            (format!("{SECRET}\n\n"), format!("{SECRET}\n")),
            (SECRET.to_owned(), SECRET.to_owned()),
        ] {
            let file = folder.path().join("secret");
            std::fs::write(&file, content).unwrap();
            let config = SecretConfig {
                jwt_secret: None,
                jwt_secret_file: Some(file),
            };
            let read = config.read().unwrap();
            assert_eq!(read.expose_secret(), secret.as_bytes());
        }
    }
}
