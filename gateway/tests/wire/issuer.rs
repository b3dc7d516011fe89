//! Tokens of an issuer: keys of every kind over HTTPS, keys that are replaced, and issuers in bad health.

use gateway::auth::mint::sign;
use local::daemon::Daemon;
use local::probe;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::issuer::{Issuer, Key, Reply, base64};
use crate::support::script::Client;
use crate::support::{WAIT_MAX, fresh_chat, gateway_in, gateway_with};
use crate::tokens::{says, with_token};

const ALGORITHM: &str = "The token is signed with an algorithm that its key is not for";
const UNKNOWN_KEY: &str = "The token names a key that its issuer does not have";

fn unauthorized(reason: &str) -> String {
    format!("ERROR|message:UNAUTHORIZED||{reason}")
}

fn unavailable() -> String {
    "ERROR|message:UNAVAILABLE||Tokens cannot be checked at the moment".to_owned()
}

#[track_caller]
fn assert_let_in(answer: &str) {
    assert!(answer.ends_with("|user-name:7"), "{answer}");
}

async fn answer(gateway: &Daemon, token: &str) -> String {
    with_token(gateway, token).await.1
}

/// The answer to a token that needs another fetch, asked for twice: the one under way may have begun before the issuer
/// changed its mind.
async fn settled(gateway: &Daemon, token: &str, expected: &str) -> String {
    let told = answer(gateway, token).await;
    if told == expected {
        return told;
    }
    answer(gateway, token).await
}

/// A certificate for `localhost`, its key, and the certificate as PEM.
fn certificate() -> (CertifiedKey<KeyPair>, PrivateKeyDer<'static>) {
    let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    (certified, key)
}

#[tokio::test]
async fn keys_of_every_kind_are_fetched_over_https_and_each_is_good_for_one_algorithm() {
    let keys = [Key::rs256("r"), Key::es256("e"), Key::eddsa("d")];
    let (certified, private) = certificate();
    let der = certified.cert.der().clone();
    let issuer = Issuer::start_tls(&keys.each_ref().map(Key::jwk), der, private).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certified.cert.pem()).unwrap();
    let trusted = file.path().to_str().unwrap().to_owned();
    let flags = [
        "--auth",
        "jwt",
        "--jwks-url",
        &issuer.url,
        "--jwt-audience",
        "chat",
    ];
    let gateway = gateway_in(&flags, vec![("SSL_CERT_FILE", trusted)]).await;
    gateway.wait_ready().await.unwrap();

    let claims = says(7, 600);
    let mut mail = claims.clone();
    mail["aud"] = json!("mail");
    for key in &keys {
        let token = key.token(&claims);
        assert_let_in(&answer(&gateway, &token).await);
        let parts: Vec<&str> = token.split('.').collect();
        let expect = async |token: String, reason: &str| {
            let told = answer(&gateway, &token).await;
            assert_eq!(told, unauthorized(reason), "{} {token}", key.id);
        };
        let other = key.token(&says(8, 600));
        let body = other.split('.').nth(1).unwrap();
        let swapped = format!("{}.{body}.{}", parts[0], parts[2]);
        expect(swapped, "The token's signature is wrong").await;
        expect(key.token(&mail), "The token is for another audience").await;
        // The public key, which everybody has, as the secret of an HMAC.
        let header = json!({"alg": "HS256", "kid": key.id});
        expect(hs256(&key.public(), &header, &claims), ALGORITHM).await;
        expect(
            hs256(key.jwk().to_string().as_bytes(), &header, &claims),
            ALGORITHM,
        )
        .await;
        let none = base64(json!({"alg": "none", "kid": key.id}).to_string().as_bytes());
        let none = format!("{none}.{}.", parts[1]);
        expect(none, "The token is no valid JSON Web Token").await;
        let mut others = keys.iter().filter(|other| other.id != key.id);
        // The signature of one key under the name of another.
        let header = json!({"alg": others.next().unwrap().algorithm(), "kid": key.id});
        expect(key.sign(&header, &claims), ALGORITHM).await;
    }
}

/// A token of HS256 with any header.
fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let token = sign(secret, claims.as_object().unwrap()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let header = base64(header.to_string().as_bytes());
    format!("{header}.{}.{}", parts[1], parts[2])
}

#[tokio::test]
async fn an_issuer_whose_certificate_nobody_vouches_for_is_not_asked() {
    let key = Key::eddsa("a");
    let (certified, private) = certificate();
    let issuer = Issuer::start_tls(&[key.jwk()], certified.cert.der().clone(), private).await;
    // One that is trusted, but is another.
    let (stranger, _) = certificate();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), stranger.cert.pem()).unwrap();
    let trusted = file.path().to_str().unwrap().to_owned();
    let flags = ["--auth", "jwt", "--jwks-url", &issuer.url];
    let gateway = gateway_in(&flags, vec![("SSL_CERT_FILE", trusted)]).await;
    let (mut client, told) = with_token(&gateway, &key.token(&says(7, 600))).await;
    assert_eq!(told, unavailable());
    assert_eq!(client.next().await, "close 1013 tokens cannot be checked");
    let (status, why) = probe::get(gateway.admin(), "/readyz").await.unwrap();
    assert_eq!(status, 503, "{why}");
    assert!(why.contains("--jwks-url"), "{why}");
    assert_eq!(issuer.asked(), 0, "no question goes to a stranger");
}

#[tokio::test]
async fn a_new_key_is_believed_at_once_and_an_old_one_until_the_next_fetch() {
    let (old, new) = (Key::es256("old"), Key::rs256("new"));
    let issuer = Issuer::start(&[old.jwk()]).await;
    let gateway = gateway_with(&["--auth", "jwt", "--jwks-url", &issuer.url]).await;
    let claims = says(7, 600);
    assert_let_in(&answer(&gateway, &old.token(&claims)).await);
    let asked = issuer.asked();
    issuer.publish(&[new.jwk()]);
    assert_let_in(&answer(&gateway, &old.token(&claims)).await);
    assert_eq!(issuer.asked(), asked, "known keys are not asked about");

    assert_let_in(&answer(&gateway, &new.token(&claims)).await);
    assert_eq!(issuer.asked(), asked + 1);
    let told = answer(&gateway, &old.token(&claims)).await;
    assert_eq!(told, unauthorized(UNKNOWN_KEY));
}

#[tokio::test]
async fn an_issuer_that_answers_nonsense_changes_nothing() {
    let (key, strange) = (Key::eddsa("a"), Key::eddsa("b"));
    let issuer = Issuer::start(&[key.jwk()]).await;
    let flags = [
        "--auth",
        "jwt",
        "--jwks-url",
        &issuer.url,
        "--jwks-refresh",
        "1s",
    ];
    let gateway = gateway_with(&flags).await;
    let (known, unknown) = (key.token(&says(7, 600)), strange.token(&says(7, 600)));
    let ok = |body: &str| Reply::http("200 OK", "Content-Type: application/json\r\n", body);
    let page = "<!DOCTYPE html><title>Sign in</title>";
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300 << 10));
    let small =
        json!({"keys": [{"kty": "RSA", "kid": "b", "n": base64(&[255; 128]), "e": "AQAB"}]});
    let elsewhere = format!("Location: {}\r\n", issuer.url);
    for (what, reply) in [
        ("a page", ok(page)),
        ("an empty set", ok(r#"{"keys":[]}"#)),
        ("no set", ok("[]")),
        ("a weak key", ok(&small.to_string())),
        ("a huge answer", ok(&huge)),
        (
            "a failure",
            Reply::http("500 Internal Server Error", "", ""),
        ),
        ("a redirect", Reply::http("302 Found", &elsewhere, "")),
        (
            "half an answer",
            Reply::Octets(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()),
        ),
        (
            "no HTTP",
            Reply::Octets(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ),
        ("silence", Reply::Silence),
    ] {
        issuer.says(reply);
        let told = settled(&gateway, &unknown, &unavailable()).await;
        assert_eq!(told, unavailable(), "{what}");
        assert_let_in(&answer(&gateway, &known).await);
        let ready = probe::get(gateway.admin(), "/readyz").await.unwrap();
        assert_eq!(ready.0, 200, "{what}: {}", ready.1);
        // Well again, so that the next one is tried soon.
        issuer.publish(&[key.jwk()]);
        let told = settled(&gateway, &unknown, &unauthorized(UNKNOWN_KEY)).await;
        assert_eq!(told, unauthorized(UNKNOWN_KEY), "after {what}");
    }
}

#[tokio::test]
async fn keys_outlive_their_issuer_for_a_while_and_sessions_their_keys() {
    let key = Key::rs256("a");
    let issuer = Issuer::start(&[key.jwk()]).await;
    let flags = ["--auth", "jwt", "--jwks-url", &issuer.url];
    let ages = ["--jwks-refresh", "1s", "--jwks-keep", "4s"];
    let gateway = gateway_with(&[&flags[..], &ages].concat()).await;
    let token = key.token(&says(7, 600));
    let (mut early, _) = with_token(&gateway, &token).await;
    issuer.goes_away();
    assert_let_in(&answer(&gateway, &token).await);
    probe::wait_readyz(gateway.admin(), 503, WAIT_MAX)
        .await
        .unwrap();
    assert_eq!(answer(&gateway, &token).await, unavailable());
    let chat = fresh_chat();
    let join = format!("SEND|destination:/chat/events.joinChat|receipt:j||{{\"chatId\":{chat}}}");
    early.check(&join, &["RECEIPT|receipt-id:j"]).await;
}

#[tokio::test]
async fn a_token_that_is_too_long_is_refused_unread() {
    let key = Key::eddsa("a");
    let issuer = Issuer::start(&[key.jwk()]).await;
    let flags = ["--auth", "jwt", "--jwks-url", &issuer.url];
    let gateway = gateway_with(&[&flags[..], &["--header-octets-max", "32768"]].concat()).await;
    let mut claims = says(7, 600);
    claims["padding"] = json!("x".repeat(7 << 10));
    let told = answer(&gateway, &key.token(&claims)).await;
    assert_eq!(told, unauthorized("The token is too long"));

    let gateway = gateway_with(&flags).await;
    let mut client = Client::new(gateway.listen()).await;
    let connect = format!(
        "CONNECT|accept-version:1.2|Authorization:Bearer {}",
        "x".repeat(9 << 10)
    );
    client.send(&connect).await;
    let end = client.rest().await;
    assert_eq!(end.last().unwrap(), "close 1009 frame too large", "{end:?}");
}
