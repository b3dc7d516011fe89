//! Keys, each with the one algorithm that it is for, and sets of them (RFC 7517).
//!
//! **No confusion of algorithms.** A key brings its algorithm with it; what a token's header says only has to be
//! the same. So a public RSA key can never become the secret of an HMAC, and a token that asks for `none` finds
//! nothing to be checked with.

use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm};
use jsonwebtoken::jwk::{KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, Validation, decode};
use serde::Deserialize;
use serde_json::Value;

use super::Principal;
use super::claims::{Claims, Rules};
use super::unproven::Unproven;

/// Most keys in a set; more are taken for a mistake.
const KEYS_MAX: usize = 100;

/// Fewest octets of an RSA modulus: 2,048 bits.
const RSA_MODULUS_OCTETS_MIN: usize = 256;

/// Octets of an uncompressed point on P-256, and of an Ed25519 key.
const P256_POINT_OCTETS: usize = 65;
const ED25519_OCTETS: usize = 32;

/// What a token can be checked with.
#[derive(Debug)]
pub(super) struct Key {
    decoding: DecodingKey,
    validation: Validation,
}

impl Key {
    /// The secret that issuer and gateway share, for HS256.
    pub(super) fn from_secret(secret: &[u8], rules: &Rules) -> Self {
        Self {
            decoding: DecodingKey::from_secret(secret),
            validation: rules.validation(Algorithm::HS256),
        }
    }

    /// A public key of an issuer. Never a secret: whoever can read a key set would be able to sign.
    fn from_jwk(jwk: &Jwk, rules: &Rules) -> Result<Self, &'static str> {
        let (algorithm, name) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return Err("its type or curve is not supported"),
        };
        let common = &jwk.common;
        if common.key_algorithm.is_some_and(|said| said != name) {
            return Err("its algorithm is not supported");
        }
        let for_signatures = common
            .public_key_use
            .as_ref()
            .is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
        let may_verify = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !for_signatures || !may_verify {
            return Err("it is not for signatures");
        }
        let decoding = DecodingKey::from_jwk(jwk).map_err(|_| "it cannot be read")?;
        Ok(Self {
            decoding: whole(decoding)?,
            validation: rules.validation(algorithm),
        })
    }

    /// Checks a token.
    pub(super) fn verify(&self, token: &str, rules: &Rules) -> Result<Principal, Unproven> {
        let token = decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|error| Unproven::from_library(error.kind()))?;
        // Whoever does not understand a critical header must refuse the token (RFC 7515, section 4.1.11).
        if token.header.crit.is_some() {
            return Err(Unproven::Malformed);
        }
        rules.principal(&token.claims)
    }
}

/// A key of the right length, in the form that ring takes.
fn whole(key: DecodingKey) -> Result<DecodingKey, &'static str> {
    let octets = match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            // Some issuers write a leading zero, as in DER.
            let [n, e] = [n, e].map(|number| {
                let zeros = number.iter().take_while(|octet| **octet == 0).count();
                &number[zeros..]
            });
            return if n.len() < RSA_MODULUS_OCTETS_MIN {
                Err("it has fewer than 2048 bits")
            } else {
                Ok(DecodingKey::from_rsa_raw_components(n, e))
            };
        }
        DecodingKeyKind::SecretOrDer(octets) => octets.len(),
    };
    match (key.family(), octets) {
        (AlgorithmFamily::Ec, P256_POINT_OCTETS) | (AlgorithmFamily::Ed, ED25519_OCTETS) => Ok(key),
        _ => Err("its length is wrong"),
    }
}

/// The keys of an issuer.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    named: HashMap<String, Key>,
    /// Those without an id.
    unnamed: Vec<Key>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set, leaving out what cannot be used; there has to be something that can.
    pub(super) fn parse(json: &[u8], rules: &Rules) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(json).map_err(|_| "the answer is no JWK set".to_owned())?;
        if document.keys.len() > KEYS_MAX {
            return Err(format!("the set has more than {KEYS_MAX} keys"));
        }
        let mut set = Self::default();
        let mut why_not = "it is empty";
        for value in document.keys {
            let Ok(jwk) = serde_json::from_value::<Jwk>(value) else {
                why_not = "a key cannot be read";
                continue;
            };
            match Key::from_jwk(&jwk, rules) {
                Ok(key) => match jwk.common.key_id {
                    Some(id) => drop(set.named.insert(id, key)),
                    None => set.unnamed.push(key),
                },
                Err(reason) => {
                    tracing::debug!(kid = ?jwk.common.key_id, reason, "a key of the issuer is left out");
                    why_not = reason;
                }
            }
        }
        if set.len() == 0 {
            return Err(format!("the set has no key that can be used: {why_not}"));
        }
        Ok(set)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.named.len() + self.unnamed.len()
    }

    /// The key with this id. Of a single key nobody needs to say which one it is.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.unnamed.as_slice()) {
            (_, [only]) if self.named.is_empty() => Some(only),
            (None, []) if self.named.len() == 1 => self.named.values().next(),
            (Some(id), _) => self.named.get(id),
            (None, _) => None,
        }
    }
}
