//! NATS with `deploy/nats/authorization.conf`: each service does its work within its permissions, and nothing else.

use std::net::SocketAddr;

use async_nats::jetstream;
use local::probe;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::load::{Load, judge};
use crate::support::recorder::Recorder;
use crate::support::secured::{Secured, refusal, refusals};
use crate::support::stomp::{Answer, Client};
use crate::support::within;

#[tokio::test]
async fn the_whole_system_runs_within_its_permissions() {
    let secured = Secured::start(tempfile::tempdir().unwrap(), "").await;
    let as_persister = secured.identity("persister");
    let mut persister = secured
        .ready(secured.spec("persister", 1, as_persister))
        .await;
    let mut gateways = Vec::new();
    for number in [1, 2] {
        let as_gateway = secured.identity("gateway");
        let spec = secured.spec("gateway", number, as_gateway);
        gateways.push(secured.ready(spec).await);
    }
    let addresses = [0, 1].map(|index| gateways[index].listen());

    // Commands, events, outcomes, beacons; questions about heads and history, also after a take-over; streams
    // declared and found again.
    let recorder = Recorder::start(addresses[1], &[1, 2]).await;
    let mut load = Load::start(&addresses, &[1, 2]).await;
    load.wait_receipts(5).await;
    persister.kill().await;
    persister.restart().await.unwrap();
    load.wait_receipts(5).await;
    let sent = load.finish().await;
    judge(&sent, &secured.database_url(), recorder).await;

    // Gateways ask each other who is where, and end the typing of who is nowhere.
    let mut reader = Client::connect(addresses[1]).await;
    reader.subscribe(3).await;
    let mut author = Client::connect(addresses[0]).await;
    assert_eq!(author.ask("startTyping", 7, 3).await, Answer::Receipt);
    drop(author);
    for kind in ["START_TYPING", "STOP_TYPING"] {
        assert_eq!(reader.event().await.json()["eventType"], kind);
    }

    // A SockJS session that one gateway holds and another one hears of.
    assert_eq!(post(addresses[0], "/ws/000/abc/xhr", "").await.0, 200);
    let connect = r#"["CONNECT\naccept-version:1.2\n\n\u0000"]"#;
    let sent = post(addresses[1], "/ws/000/abc/xhr_send", connect).await;
    assert_eq!(sent.0, 204);
    let (status, answer) = post(addresses[1], "/ws/000/abc/xhr", "").await;
    assert!(status == 200 && answer.contains("CONNECTED"), "{answer}");

    // Questions over HTTP.
    let (status, page) = probe::get(addresses[0], "/api/chats/1/events?after=0")
        .await
        .unwrap();
    assert_eq!(status, 200, "{page}");
    assert!(serde_json::from_str::<Value>(&page).unwrap()["rows"].is_array());

    // People.
    let mut list = ["set-aside", "list", "--json"].map(str::to_owned).to_vec();
    list.extend(secured.identity("operator"));
    let output = secured.run_to_end("persister", list).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "[]");

    for daemon in gateways.iter().chain([&persister]) {
        let (_, metrics) = probe::get(daemon.admin(), "/metrics").await.unwrap();
        assert!(metrics.contains("nats_connected"), "{}", daemon.name());
        assert_eq!(refusals(&metrics), [""; 0], "{}", daemon.name());
    }
}

#[tokio::test]
async fn a_gateway_may_not_do_what_persisters_do() {
    let secured = Secured::start(tempfile::tempdir().unwrap(), "").await;
    let as_persister = secured.identity("persister");
    let _persister = secured
        .ready(secured.spec("persister", 1, as_persister))
        .await;
    for (user, forbidden) in [
        (
            "gateway",
            &[
                "ev.0.4",
                "hb.0",
                "out.gateway-x",
                "aside.0",
                "_INBOX_persister.x",
                "$JS.API.STREAM.DELETE.EV_0",
                "$JS.API.STREAM.PURGE.CMD_0",
                "$JS.API.STREAM.INFO.CMD_0",
                "$JS.API.CONSUMER.CREATE.EV_0",
            ][..],
        ),
        (
            "persister",
            &[
                "$JS.API.STREAM.DELETE.CMD_0",
                "$JS.API.STREAM.PURGE.SET_ASIDE",
                "svc.heads",
                "sj.x",
            ],
        ),
        ("operator", &["ev.0.4", "hb.0", "out.gateway-x"]),
    ] {
        let (client, mut said) = secured.client(user).await;
        for subject in forbidden {
            client.publish(*subject, "{}".into()).await.unwrap();
            let refused = refusal(&mut said).await;
            assert!(
                refused.contains("for Publish") && refused.contains(subject),
                "{user} to {subject}: {refused}"
            );
        }
    }
    for (user, forbidden) in [
        (
            "gateway",
            &[">", "cmd.>", "svc.heads", "_INBOX_persister.>", "_INBOX.>"][..],
        ),
        ("persister", &["_INBOX_gateway.>", "out.*", "sj.>"]),
        ("operator", &["_INBOX_gateway.>", "cmd.>"]),
    ] {
        let (client, mut said) = secured.client(user).await;
        for subject in forbidden {
            let _subscriber = client.subscribe(*subject).await.unwrap();
            let refused = refusal(&mut said).await;
            assert!(
                refused.contains("for Subscription") && refused.contains(subject),
                "{user} on {subject}: {refused}"
            );
        }
    }

    // After all that, everything is still there.
    let (operator, _said) = secured.client("operator").await;
    let jetstream = jetstream::new(operator);
    for stream in ["CMD_0", "EV_0", "SET_ASIDE"] {
        within("a stream", jetstream.get_stream(stream))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn wrong_credentials_end_a_process_and_say_why() {
    let secured = Secured::start(tempfile::tempdir().unwrap(), "").await;
    std::fs::write(secured.password_file("gateway"), "wrong\n").unwrap();
    let nobody = ["--nats-url", &secured.nats.url()].map(str::to_owned);
    // As somebody else, whose permissions are not those of the work.
    let as_operator = || secured.identity("operator");
    for (program, identity, why) in [
        (
            "gateway",
            secured.identity("gateway"),
            "authorization violation",
        ),
        ("gateway", nobody.to_vec(), "authorization violation"),
        ("gateway", as_operator(), "Permissions Violation"),
        ("persister", nobody.to_vec(), "authorization violation"),
        ("persister", as_operator(), "Permissions Violation"),
    ] {
        let spec = secured.spec(program, 1, identity);
        let mut args = spec.args;
        if program == "gateway" {
            args.extend(["--listen", "127.0.0.1:0"].map(str::to_owned));
        }
        let output = secured.run_to_end(program, args).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let begin = format!("{program}: NATS refuses");
        let reason = said.lines().find(|line| line.starts_with(&begin));
        assert!(reason.is_some_and(|reason| reason.contains(why)), "{said}");
        assert!(
            !said.contains("secret-of") && !said.contains("wrong"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_new_password_is_taken_up_without_a_restart() {
    let mut secured = Secured::start(tempfile::tempdir().unwrap(), "").await;
    let as_persister = secured.identity("persister");
    let persister = secured
        .ready(secured.spec("persister", 1, as_persister))
        .await;
    // The server learns the new password first, as it would at night; the file follows.
    let authorization = secured.folder.path().join("nats/authorization.conf");
    let text = std::fs::read_to_string(&authorization).unwrap();
    let text = text.replace("$NATS_PERSISTER_PASSWORD", "\"the next one\"");
    std::fs::write(&authorization, text).unwrap();
    secured.nats.kill().await;
    secured.nats.restart().await.unwrap();
    within(
        "a refusal",
        probe::wait_readyz(persister.admin(), 503, crate::support::WAIT_MAX),
    )
    .await
    .unwrap();
    std::fs::write(secured.password_file("persister"), "the next one\n").unwrap();
    persister.wait_ready().await.unwrap();
    let (_, metrics) = probe::get(persister.admin(), "/metrics").await.unwrap();
    assert!(metrics.contains("nats_connected{connection=\"persister\"} 1"));
}

/// Status and body of a POST.
async fn post(server: SocketAddr, path: &str, body: &str) -> (u16, String) {
    within("an answer", async {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.0\r\nHost: {server}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    })
    .await
}
