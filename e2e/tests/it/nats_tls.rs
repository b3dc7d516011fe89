//! TLS to NATS: both sides show certificates, and who does not know the other's authority does not connect.

use local::probe;

use crate::support::certificates::{Authority, Certified};
use crate::support::secured::{Secured, refusals};
use crate::support::stomp::{Answer, Client};

#[tokio::test]
async fn daemons_and_nats_know_each_other_by_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let server = authority.vouch_for("nats");
    let ours = authority.vouch_for("daemon");
    let strangers = Authority::new(folder.path(), "strangers");
    let strange = strangers.vouch_for("strange");
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: true }}\n",
        server.certificate.display(),
        server.key.display(),
        authority.file.display(),
    );
    let secured = Secured::start(folder, &tls).await;
    let args = |user: &str, authority: &Authority, certified: Option<&Certified>| {
        let mut args = secured.identity(user);
        args.extend([
            "--nats-ca-file".to_owned(),
            authority.file.display().to_string(),
        ]);
        if let Some(certified) = certified {
            args.extend([
                "--nats-certificate-file".to_owned(),
                certified.certificate.display().to_string(),
                "--nats-key-file".to_owned(),
                certified.key.display().to_string(),
            ]);
        }
        args
    };

    // Right passwords throughout: it is the certificates that are wrong.
    for wrong in [
        args("persister", &authority, None),
        args("persister", &authority, Some(&strange)),
        args("persister", &strangers, Some(&ours)),
    ] {
        let spec = secured.spec("persister", 1, wrong);
        let output = secured.run_to_end("persister", spec.args).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("\npersister: NATS refuses"), "{said}");
    }

    let as_persister = args("persister", &authority, Some(&ours));
    let as_gateway = args("gateway", &authority, Some(&ours));
    let _persister = secured
        .ready(secured.spec("persister", 1, as_persister))
        .await;
    let gateway = secured.ready(secured.spec("gateway", 1, as_gateway)).await;
    let mut client = Client::connect(gateway.listen()).await;
    client.subscribe(1).await;
    assert_eq!(client.ask("joinChat", 1, 1).await, Answer::Receipt);
    assert_eq!(client.event().await.json()["eventType"], "JOIN");
    let (_, metrics) = probe::get(gateway.admin(), "/metrics").await.unwrap();
    assert_eq!(refusals(&metrics), [""; 0]);
}
