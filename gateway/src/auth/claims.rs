//! What a token has to say, and how it is read (RFC 7519, section 4.1).

use std::time::Duration;

use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};
use shared::clock::Timestamp;
use shared::id::UserId;

use super::Principal;
use super::unproven::Unproven;

/// All claims of a token, by name.
pub(super) type Claims = Map<String, Value>;

/// What is asked of every token, whatever it is signed with.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// One of these issued it; empty: anybody who has the key.
    pub(crate) issuers: Vec<String>,
    /// It is for one of these; empty: for whomever.
    pub(crate) audiences: Vec<String>,
    /// The claim that names the user.
    pub(crate) user_claim: String,
    /// By how much the issuer's clock may differ from ours.
    pub(crate) leeway: Duration,
}

impl Rules {
    /// The same for the library, for tokens signed with this algorithm and no other.
    pub(super) fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        // A claim that is only compared when it is there, or when it can be read, protects nothing.
        let mut required = vec!["exp"];
        if !self.issuers.is_empty() {
            validation.set_issuer(&self.issuers);
            required.push("iss");
        }
        validation.validate_aud = !self.audiences.is_empty();
        if validation.validate_aud {
            validation.set_audience(&self.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    /// Whom the claims of a token that was found valid speak of.
    pub(super) fn principal(&self, claims: &Claims) -> Result<Principal, Unproven> {
        let user = claims.get(&self.user_claim).and_then(user);
        let expiry = claims.get("exp").and_then(seconds);
        let valid_until = expiry.ok_or(Unproven::NoExpiry)?.saturating_add(
            // Cut as the library cuts it.
            i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX),
        );
        Ok(Principal {
            user: user.ok_or(Unproven::NoUser)?,
            valid_until: Timestamp::from_micros(valid_until.saturating_mul(1_000_000)),
        })
    }
}

/// A user's id: a number, or a text that is one. `sub` is a text by its definition, but not with every issuer.
fn user(claim: &Value) -> Option<UserId> {
    match claim {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => UserId::try_from(number.as_i64()?).ok(),
        _ => None,
    }
}

/// A `NumericDate`, cut to whole seconds. What is further away than the end of 64 bits is as far as that.
fn seconds(claim: &Value) -> Option<i64> {
    let whole = claim.as_u64();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond the integers becomes the last of them"
    )]
    let any = whole.map_or_else(
        || claim.as_f64().map(|seconds| seconds as i64),
        |whole| Some(i64::try_from(whole).unwrap_or(i64::MAX)),
    );
    any.filter(|seconds| *seconds >= 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(claims: &Value, expected: Result<(i64, i64), Unproven>) {
        let rules = Rules {
            issuers: Vec::new(),
            audiences: Vec::new(),
            user_claim: "sub".to_owned(),
            leeway: Duration::from_secs(10),
        };
        let found = rules.principal(claims.as_object().unwrap());
        let found = found.map(|found| (found.user.get(), found.valid_until.micros()));
        assert_eq!(found, expected, "{claims}");
    }

    #[test]
    fn the_user_is_a_positive_integer_however_it_is_written() {
        check(&json!({"sub": "7", "exp": 1}), Ok((7, 11_000_000)));
        check(&json!({"sub": 7, "exp": 1}), Ok((7, 11_000_000)));
        for sub in [
            json!("07"),
            json!("x"),
            json!(""),
            json!(0),
            json!(-1),
            json!(7.5),
            json!("9223372036854775808"),
            json!([7]),
            json!(null),
        ] {
            check(&json!({"sub": sub, "exp": 1}), Err(Unproven::NoUser));
        }
        check(&json!({"exp": 1}), Err(Unproven::NoUser));
    }

    #[test]
    fn an_expiry_however_far_away_is_no_overflow() {
        for exp in [json!(u64::MAX), json!(1e300), json!(i64::MAX)] {
            check(&json!({"sub": "7", "exp": exp}), Ok((7, i64::MAX)));
        }
        check(&json!({"sub": "7", "exp": 1.9}), Ok((7, 11_000_000)));
        for exp in [json!(-1), json!("1"), json!(null)] {
            check(&json!({"sub": "7", "exp": exp}), Err(Unproven::NoExpiry));
        }
        check(&json!({"sub": "7"}), Err(Unproven::NoExpiry));
    }
}
