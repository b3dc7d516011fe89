//! `gateway token`: makes a token for development, signed with the shared secret. A real issuer does this for
//! others.

use std::time::Duration;

use clap::Args;
use jsonwebtoken::{EncodingKey, Header, encode};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use shared::clock;
use shared::config::duration;
use shared::id::UserId;

use super::provider;
use crate::config::auth::{ClaimsConfig, SecretConfig};

/// All claims of a token, by name.
pub type Claims = Map<String, Value>;

/// Print a token for a user, for development: signed with the shared secret (HS256).
#[derive(Debug, Clone, Args)]
pub struct TokenConfig {
    /// Whose token: a positive integer.
    #[arg(long, value_parser = clap::value_parser!(UserId))]
    pub user: UserId,

    /// How long it is valid from now on.
    #[arg(long, default_value = "1h", value_parser = duration)]
    pub lifetime: Duration,

    #[command(flatten)]
    pub secret: SecretConfig,

    #[command(flatten)]
    pub claims: ClaimsConfig,
}

/// The token.
///
/// # Errors
/// `BadSettings`: there is no secret that could be used.
pub fn mint(config: &TokenConfig) -> anyhow::Result<String> {
    let secret = config.secret.read()?;
    let now = clock::now().micros() / 1_000_000;
    let lifetime = i64::try_from(config.lifetime.as_secs()).unwrap_or(i64::MAX);
    let mut claims = Claims::new();
    let names = &config.claims;
    claims.insert(names.jwt_user_claim.clone(), json!(config.user.to_string()));
    claims.insert("iat".to_owned(), json!(now));
    claims.insert("exp".to_owned(), json!(now.saturating_add(lifetime)));
    // Any of those that the gateway takes will do.
    for (claim, values) in [("iss", &names.jwt_issuer), ("aud", &names.jwt_audience)] {
        if let Some(value) = values.first() {
            claims.insert(claim.to_owned(), json!(value));
        }
    }
    sign(secret.expose_secret(), &claims)
}

/// A token that says this, signed with HS256.
///
/// # Errors
/// Claims that are no JSON.
pub fn sign(secret: &[u8], claims: &Claims) -> anyhow::Result<String> {
    provider::install();
    let key = EncodingKey::from_secret(secret);
    Ok(encode(&Header::default(), claims, &key)?)
}
