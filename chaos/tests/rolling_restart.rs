//! A deploy under load, in small; `cargo run -p chaos --bin rolling` is the large form.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use chaos::rolling::{Spec, run};
use local::system::Programs;
use local::tools;

const CLIENTS: usize = 300;
const GATEWAYS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_is_noticed_by_its_announced_closes_alone() {
    // Temporary folders are for their owner alone, and PostgreSQL may have to run as somebody else.
    let folder = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let outcome = run(&Spec {
        programs: Programs {
            nats_server: tools::find_nats_server().unwrap(),
            persister: built("persister"),
            gateway: built("gateway"),
        },
        postgres_programs: tools::find_postgres().unwrap(),
        folder: folder.path().join("run"),
        gateways: GATEWAYS,
        persisters: 2,
        clients: CLIENTS,
        senders: 20,
        drain_window: Duration::from_secs(10),
    })
    .await
    .unwrap();
    let violations = outcome.violations();
    assert!(violations.is_empty(), "{outcome}");

    // Everybody was closed at least once, and never all at the same time.
    for stop in &outcome.stops {
        let Some(gateway) = stop.gateway else {
            continue;
        };
        let closes: Vec<_> = outcome.closes_of(gateway).map(|close| close.at).collect();
        assert!(closes.len() >= CLIENTS / GATEWAYS / 2, "{outcome}");
        let spread = *closes.iter().max().unwrap() - *closes.iter().min().unwrap();
        // Two thirds of what 100 closes a second come to.
        let expected = Duration::from_millis(closes.len() as u64 * 10) * 2 / 3;
        assert!(spread >= expected, "{spread:?} of {expected:?}\n{outcome}");
    }
}

/// A program of this workspace.
fn built(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    // target/debug/deps/rolling_restart-<hash>
    let program = this.ancestors().nth(2).unwrap().join(name);
    assert!(
        program.is_file(),
        "{} is not built; `make test` builds it first, and so does `cargo build --bins`",
        program.display()
    );
    program
}
