//! NATS's own kind of JWT, as `nsc` makes them: an operator vouches for accounts, an account for users, each by signing
//! with its nkey.

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// When all of them were made out, in seconds since 1970. Any time that is over will do.
const ISSUED_AT_S: u64 = 1_700_000_000;

/// An operator with the account that everybody is in, and the one that NATS keeps for itself.
pub(crate) struct Operator {
    key: KeyPair,
    account: KeyPair,
    system: KeyPair,
}

impl Operator {
    pub(crate) fn new() -> Self {
        Self {
            key: KeyPair::new_operator(),
            account: KeyPair::new_account(),
            system: KeyPair::new_account(),
        }
    }

    /// A server's configuration: it trusts this operator and knows its accounts.
    pub(crate) fn config(&self) -> String {
        let unlimited = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
            "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        });
        // Streams are no business of the system's account.
        let connections = json!({"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1});
        let (account, system) = (&self.account, &self.system);
        format!(
            "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}\n",
            vouch(&self.key, &self.key, json!({"type": "operator"}), None),
            system.public_key(),
            account.public_key(),
            vouch(
                &self.key,
                account,
                json!({"type": "account", "limits": unlimited}),
                None
            ),
            system.public_key(),
            vouch(
                &self.key,
                system,
                json!({"type": "account", "limits": connections}),
                None
            ),
        )
    }

    /// A credentials file for a new user of the account, for good or until then, in seconds since 1970.
    pub(crate) fn credentials(&self, expires_s: Option<u64>) -> String {
        let user = KeyPair::new_user();
        let claims = json!({"type": "user", "subs": -1, "data": -1, "payload": -1});
        let jwt = vouch(&self.account, &user, claims, expires_s);
        let seed = user.seed().unwrap();
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }
}

/// One vouches for another.
fn vouch(issuer: &KeyPair, subject: &KeyPair, mut nats: Value, expires_s: Option<u64>) -> String {
    nats["version"] = 2.into();
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let mut claims = json!({
        "jti": subject.public_key(),
        "iat": ISSUED_AT_S,
        "iss": issuer.public_key(),
        "sub": subject.public_key(),
        "nats": nats,
    });
    if let Some(expires_s) = expires_s {
        claims["exp"] = expires_s.into();
    }
    let encode = |part: Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}
