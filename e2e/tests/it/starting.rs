//! Daemons that are started before what they need: alive, not ready, and they say what they wait for.

use std::net::SocketAddr;
use std::time::Duration;

use local::postgres::PostgresServer;
use local::probe;
use local::process::{Process, ProcessSpec};
use local::proxy::{Proxy, Target};
use local::reaper::LastSignal;
use tokio::time::{Instant, sleep};

use crate::support::stomp::{Answer, Client};
use crate::support::world::{Database, Plan, World, built};
use crate::support::{WAIT_MAX, within};

/// How often a probe is asked; nothing tells when its answer changes.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Cuts of the database's connections during one start, and the time between two: several hit each of its steps.
const CUTS: usize = 80;
const CUT_INTERVAL: Duration = Duration::from_millis(10);

#[tokio::test]
async fn what_is_started_too_early_waits_and_says_for_what() {
    let mut world = World::start(Plan::small(Database::OwnPostgres)).await;
    let (system, postgres) = world.parts();
    let (gateway, persister) = (&mut system.gateways[0], &mut system.persisters[0]);
    let (gateway_admin, persister_admin) = (gateway.admin(), persister.admin());
    tokio::join!(gateway.kill(), persister.kill(), system.nats.kill());
    postgres.stop_immediately().await.unwrap();

    let servers_come_one_by_one = async {
        says(persister_admin, 503, "waiting for the database\n").await;
        says(gateway_admin, 503, "not connected to NATS\n").await;
        alive(&[gateway_admin, persister_admin]).await;
        postgres.restart().await.unwrap();
        says(persister_admin, 503, "waiting for NATS\n").await;
        alive(&[gateway_admin, persister_admin]).await;
        system.nats.restart().await.unwrap();
    };
    let (persister_started, gateway_started, ()) = tokio::join!(
        persister.restart(),
        gateway.restart(),
        servers_come_one_by_one
    );
    persister_started.unwrap();
    gateway_started.unwrap();
    let lines = persister.process().lines();
    let waiting = "waiting for the database";
    assert!(lines.iter().any(|line| line.contains(waiting)));
    within("readiness", system.wait_ready()).await.unwrap();
    let mut client = Client::connect(system.gateways[0].listen()).await;
    assert_eq!(client.ask("joinChat", 1, 1).await, Answer::Receipt);

    // Later outages are no reason to be restarted either.
    system.nats.kill().await;
    postgres.stop_immediately().await.unwrap();
    for admin in [gateway_admin, persister_admin] {
        within("not ready", probe::wait_readyz(admin, 503, WAIT_MAX))
            .await
            .unwrap();
    }
    alive(&[gateway_admin, persister_admin]).await;
}

#[tokio::test]
async fn a_database_that_comes_and_goes_during_the_start_is_waited_for() {
    let mut world = World::start(Plan::small(Database::OwnPostgres)).await;
    let (url, _) = world.database_url.split_once('?').unwrap();
    let name = url.rsplit('/').next().unwrap().to_owned();
    let (system, postgres) = world.parts();
    assert!(system.persisters[0].stop().await.unwrap().success());

    let link = Proxy::start(0, Target::Unix(postgres.socket()))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let process = Process::spawn(&ProcessSpec {
        name: "persister".to_owned(),
        program: built("persister"),
        args: [
            "run",
            "--partitions",
            "1",
            "--log-format",
            "json",
            "--nats-url",
        ]
        .iter()
        .map(Into::into)
        .chain([system.nats.url().into()])
        .collect(),
        env: vec![(
            "DATABASE_URL",
            PostgresServer::url_through(link.address(), &name),
        )],
        folder: None,
        run_as: None,
        log: folder.path().join("persister.log"),
        last_signal: LastSignal::Kill,
        listener: None,
    })
    .unwrap();
    for _ in 0..CUTS {
        sleep(CUT_INTERVAL).await;
        link.cut();
    }
    // It says so, or this quotes how it ended.
    process
        .wait_for_line("ready", WAIT_MAX, |line| {
            line.contains("persister ready").then_some(())
        })
        .await
        .unwrap();
}

/// Waits until `/readyz` answers exactly so.
async fn says(admin: SocketAddr, status: u16, text: &str) {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        match probe::get(admin, "/readyz").await {
            Ok((found, body)) if found == status && body == text => return,
            other => assert!(Instant::now() < deadline, "{other:?} instead of {text:?}"),
        }
        sleep(POLL_INTERVAL).await;
    }
}

async fn alive(admins: &[SocketAddr]) {
    for admin in admins {
        let (status, _) = probe::get(*admin, "/livez").await.unwrap();
        assert_eq!(status, 200);
    }
}
