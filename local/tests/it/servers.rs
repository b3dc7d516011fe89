//! NATS and PostgreSQL as this crate runs them.

use std::path::PathBuf;

use local::nats::NatsServer;
use local::postgres::{Durability, PostgresServer, PostgresSpec};
use local::{preflight, tools};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

#[tokio::test]
async fn nats_comes_back_on_its_port_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut nats = NatsServer::start(
        &tools::find_nats_server().unwrap(),
        preflight::free_port().unwrap(),
        &folder.path().join("store"),
        folder.path(),
        None,
    )
    .await
    .unwrap();
    let address = nats.address();
    nats.kill().await;
    assert!(TcpStream::connect(address).await.is_err());
    nats.restart().await.unwrap();
    assert_eq!(nats.address(), address);
    let mut greeting = String::new();
    let stream = TcpStream::connect(address).await.unwrap();
    BufReader::new(stream)
        .read_line(&mut greeting)
        .await
        .unwrap();
    assert!(greeting.contains(r#""jetstream":true"#), "{greeting}");
    assert!(nats.stop().await.unwrap().success());
}

#[tokio::test]
async fn postgres_finds_its_databases_again_after_a_crash() {
    // Temporary folders are for their owner alone, and the server may have to run as somebody else.
    let folder = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let spec = || PostgresSpec {
        programs: tools::find_postgres().unwrap(),
        data: folder.path().join("cluster"),
        logs: PathBuf::from(folder.path()),
        durability: Durability::ProcessLoss,
        listener: None,
    };
    let mut postgres = PostgresServer::start(spec()).await.unwrap();
    postgres.create_database("kept").unwrap();
    postgres.stop_immediately().await.unwrap();
    assert!(postgres.create_database("kept").is_err(), "it is down");
    postgres.restart().await.unwrap();
    postgres.create_database("kept").unwrap();
    assert!(postgres.stop().await.unwrap().success());
    drop(postgres);

    let again = PostgresServer::start(spec()).await.unwrap();
    again.create_database("kept").unwrap();
    // The log reaches us after the answer does.
    let logged = |line: &str| line.contains("\"kept\" already exists").then_some(());
    let patience = std::time::Duration::from_secs(30);
    let found = again.process().wait_for_line("sure", patience, logged);
    found.await.unwrap();
}
