//! Who shows NATS a key instead of a password: as an nkey that the server lists, or with a JWT that somebody whom the
//! server trusts has signed.

use std::path::Path;

use nkeys::KeyPair;

use crate::support::nats_jwt::Operator;
use crate::support::secured::{AUTHORIZATION, Secured};
use crate::support::stomp::{Answer, Client};

#[tokio::test]
async fn an_nkey_takes_the_place_of_user_and_password() {
    let gateway = KeyPair::new_user();
    let authorization = std::fs::read_to_string(AUTHORIZATION).unwrap().replace(
        "user: gateway, password: $NATS_GATEWAY_PASSWORD",
        &format!("nkey: {}", gateway.public_key()),
    );
    let secured = Secured::start_with(tempfile::tempdir().unwrap(), &authorization).await;
    let shows = |key: &KeyPair| {
        let file = secured.folder.path().join("seed");
        std::fs::write(&file, key.seed().unwrap() + "\n").unwrap();
        identity(&secured, "--nats-nkey-file", &file)
    };

    let persister = secured.spec("persister", 1, secured.identity("persister"));
    let _persister = secured.ready(persister).await;
    works(&secured, shows(&gateway)).await;

    let stranger = KeyPair::new_user();
    is_refused(&secured, shows(&stranger), &stranger.seed().unwrap()).await;
}

#[tokio::test]
async fn a_credentials_file_names_who_vouches_for_its_user() {
    let operator = Operator::new();
    let secured = Secured::start_with(tempfile::tempdir().unwrap(), &operator.config()).await;
    let shows = |credentials: &str| {
        let file = secured.folder.path().join("creds");
        std::fs::write(&file, credentials).unwrap();
        identity(&secured, "--nats-credentials-file", &file)
    };

    let good = operator.credentials(None);
    let persister = secured.spec("persister", 1, shows(&good));
    let _persister = secured.ready(persister).await;
    works(&secured, shows(&good)).await;

    let strange = Operator::new().credentials(None);
    let expired = operator.credentials(Some(1_700_000_001));
    // A JWT with the seed of another.
    let (jwt, _) = good.split_once("\n\n").unwrap();
    let (_, seed) = strange.split_once("\n\n").unwrap();
    let stolen = format!("{jwt}\n\n{seed}");
    for credentials in [strange.clone(), expired, stolen] {
        is_refused(&secured, shows(&credentials), seed.lines().nth(1).unwrap()).await;
    }
}

fn identity(secured: &Secured, flag: &str, file: &Path) -> Vec<String> {
    let file = file.display().to_string();
    ["--nats-url", &secured.nats.url(), flag, &file]
        .map(str::to_owned)
        .to_vec()
}

/// A gateway that connects like this carries commands and hears events.
async fn works(secured: &Secured, identity: Vec<String>) {
    let gateway = secured.ready(secured.spec("gateway", 1, identity)).await;
    let mut client = Client::connect(gateway.listen()).await;
    client.subscribe(1).await;
    assert_eq!(client.ask("joinChat", 1, 1).await, Answer::Receipt);
    assert_eq!(client.event().await.json()["eventType"], "JOIN");
}

/// A gateway that connects like this ends, says why, and not with which secret.
async fn is_refused(secured: &Secured, identity: Vec<String>, secret: &str) {
    let mut args = secured.spec("gateway", 1, identity).args;
    args.extend(["--listen", "127.0.0.1:0"].map(str::to_owned));
    let output = secured.run_to_end("gateway", args).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let reason = said
        .lines()
        .find(|line| line.starts_with("gateway: NATS refuses"));
    assert!(
        reason.is_some_and(|reason| reason.contains("authorization violation")),
        "{said}"
    );
    assert!(!said.contains(secret), "{said}");
}
