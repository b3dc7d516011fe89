//! Who a client is: from the token in CONNECT, or in an HTTP request, to a [`Principal`].
//!
//! Tokens are JSON Web Tokens (RFC 7519), signed either with a secret that issuer and gateway share (HS256), or with
//! a key of the issuer's JWKS (RS256, ES256, EdDSA). One process takes one kind only. With keys at hand a token is
//! checked on the spot; only one that names an unknown key, or comes before the first keys, has to wait.

mod claims;
mod fetch;
mod jwks;
mod key;
pub mod mint;
mod provider;
mod token;
mod unproven;

use std::sync::Arc;

use shared::clock::Timestamp;
use shared::id::UserId;
use shared::lifecycle::Lifecycle;
use shared::metric;

pub(crate) use self::claims::Rules;
use self::fetch::Fetcher;
use self::jwks::{Ages, Jwks, Verdict};
use self::key::Key;
pub use self::token::Token;
pub use self::unproven::Unproven;
use crate::config::auth::{Auth, AuthConfig, KeySource};
use crate::session::Admission;

/// Longest token, in octets. Those of issuers that pack groups and roles into them have two or three thousand.
const TOKEN_OCTETS_MAX: usize = 8 << 10;

/// Somebody who has proven who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub user: UserId,
    /// Until when the proof counts: the token's expiry and what clocks may differ by.
    pub valid_until: Timestamp,
}

/// Tells who clients are; cheap to clone.
#[derive(Debug, Clone)]
pub enum Authenticator {
    /// Does not ask.
    Open,
    /// Asks for a token.
    Jwt(Arc<Jwt>),
}

/// What tokens are checked with.
#[derive(Debug)]
pub struct Jwt {
    rules: Arc<Rules>,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Secret(Box<Key>),
    Jwks(Jwks),
}

impl Authenticator {
    /// As set. Keys of an issuer are fetched from here on, for as long as the process lives.
    ///
    /// # Errors
    /// [`shared::config::BadSettings`], or why the issuer can never be asked.
    pub fn start(config: &AuthConfig, life: &Lifecycle) -> anyhow::Result<Self> {
        if config.auth()? == Auth::Open {
            tracing::warn!(
                anywhere = config.auth_open_anywhere,
                "AUTHENTICATION IS OFF (--auth open): every client is believed to be whoever it says. Development only!"
            );
            return Ok(Self::Open);
        }
        provider::install();
        let rules = Arc::new(config.jwt.rules());
        let keys = match config.jwt.key_source()? {
            KeySource::Secret(secret) => {
                use secrecy::ExposeSecret;
                Keys::Secret(Box::new(Key::from_secret(secret.expose_secret(), &rules)))
            }
            KeySource::Jwks(url) => {
                let ages = Ages {
                    refresh: config.jwt.jwks_refresh,
                    keep: config.jwt.jwks_keep,
                };
                let (jwks, keeper) = jwks::new(Fetcher::new(url)?, Arc::clone(&rules), ages);
                life.spawn_attendant("JWKS", keeper.run());
                Keys::Jwks(jwks)
            }
        };
        Ok(Self::Jwt(Arc::new(Jwt { rules, keys })))
    }

    /// Whom sessions let in.
    pub const fn admission(&self) -> Admission {
        match self {
            Self::Open => Admission::Anybody,
            Self::Jwt(_) => Admission::TokenHolders,
        }
    }

    /// What can be said of a token at once; `None` when it has to wait for keys: [`Self::authenticate`]. Nobody can
    /// be told from a token in open mode, where nobody should ask.
    pub fn try_authenticate(&self, token: Option<&Token>) -> Option<Result<Principal, Unproven>> {
        let result = match self.check(token) {
            Ok(Verdict::Known(result)) => result,
            Ok(Verdict::Waits) => return None,
            Err(unproven) => Err(unproven),
        };
        count(result);
        Some(result)
    }

    /// What can be said of a token, which may take as long as fetching keys does.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub async fn authenticate(&self, token: Option<&Token>) -> Result<Principal, Unproven> {
        if let Some(result) = self.try_authenticate(token) {
            return result;
        }
        let (Self::Jwt(jwt), Some(token)) = (self, token) else {
            return Err(Unproven::Missing);
        };
        let result = jwt.await_and_check(token).await;
        count(result);
        result
    }

    fn check(&self, token: Option<&Token>) -> Result<Verdict, Unproven> {
        let (Self::Jwt(jwt), Some(token)) = (self, token) else {
            return Err(Unproven::Missing);
        };
        if token.text().len() > TOKEN_OCTETS_MAX {
            return Err(Unproven::TooLong);
        }
        match &jwt.keys {
            Keys::Secret(secret) => Ok(Verdict::Known(secret.verify(token.text(), &jwt.rules))),
            Keys::Jwks(jwks) => {
                let key_id = key_id(token)?;
                Ok(jwks.check(token.text(), key_id.as_deref(), &jwt.rules))
            }
        }
    }

    /// Whether tokens can be checked.
    ///
    /// # Errors
    /// Why not.
    pub fn readiness(&self) -> Result<(), String> {
        match self {
            Self::Jwt(jwt) => match &jwt.keys {
                Keys::Jwks(jwks) => jwks.readiness(),
                Keys::Secret(_) => Ok(()),
            },
            Self::Open => Ok(()),
        }
    }
}

impl Jwt {
    async fn await_and_check(&self, token: &Token) -> Result<Principal, Unproven> {
        let Keys::Jwks(jwks) = &self.keys else {
            return Err(Unproven::UnknownKey);
        };
        let key_id = key_id(token)?;
        jwks.await_and_check(token.text(), key_id.as_deref(), &self.rules)
            .await
    }
}

/// Which of the issuer's keys a token says that it is signed with. Nothing of it is believed before its signature
/// was checked with that very key.
fn key_id(token: &Token) -> Result<Option<String>, Unproven> {
    let header = jsonwebtoken::decode_header(token.text())
        .map_err(|error| Unproven::from_library(error.kind()))?;
    Ok(header.kid)
}

fn count(result: Result<Principal, Unproven>) {
    let label = result.map_or_else(Unproven::name, |_| "proven");
    metrics::counter!(metric::AUTHENTICATIONS, "result" => label).increment(1);
}
