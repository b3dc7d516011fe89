//! `healthcheck`, which containers ask: it says by its exit code what the process beside it says.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use local::probe;

use crate::support::world::{Database, Plan, World, built};

/// Longest wait for a daemon to notice that NATS is gone.
const NOTICED_MAX: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_healthcheck_says_what_the_process_says() {
    let world = World::start(Plan::small(Database::Sqlite)).await;
    let daemons = [
        ("gateway", world.system.gateways[0].admin()),
        ("persister", world.system.persisters[0].admin()),
    ];
    for (program, admin) in daemons {
        assert_eq!(healthcheck(program, admin, &[]), Some(0), "{program}");
    }

    world.system.nats.kill().await;
    for (program, admin) in daemons {
        probe::wait_readyz(admin, 503, NOTICED_MAX).await.unwrap();
        assert_eq!(healthcheck(program, admin, &[]), Some(1), "{program}");
        let live = healthcheck(program, admin, &["--probe", "live"]);
        assert_eq!(live, Some(0), "{program} lives");
    }

    for (program, index) in [("gateway", 0), ("persister", 1)] {
        match program {
            "gateway" => world.system.gateways[0].kill().await,
            _ => world.system.persisters[0].kill().await,
        }
        let live = healthcheck(program, daemons[index].1, &["--probe", "live"]);
        assert_eq!(live, Some(1), "{program} is dead");
    }
}

#[test]
fn a_healthcheck_wants_to_know_the_port() {
    for program in ["gateway", "persister"] {
        let status = healthcheck(program, ([127, 0, 0, 1], 0).into(), &[]);
        assert_eq!(status, Some(64), "{program}");
    }
}

/// With the settings of the daemon itself around, as in its container.
fn healthcheck(program: &str, admin: SocketAddr, more: &[&str]) -> Option<i32> {
    Command::new(built(program))
        .arg("healthcheck")
        .args(more)
        .env("ADMIN_LISTEN", admin.to_string())
        .env("AUTH", "open")
        .env("LISTEN", "0.0.0.0:8080")
        .env("NATS_URL", "nats://nowhere.invalid")
        .env("DATABASE_URL", "sqlite://nowhere.db")
        .output()
        .unwrap()
        .status
        .code()
}
