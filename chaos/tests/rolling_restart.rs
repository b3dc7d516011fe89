//! A deploy under load, in small; `cargo run -p chaos --bin rolling` is the large form.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chaos::rolling::{Spec, run};
use local::programs::Programs;
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
        programs: Programs::find().unwrap(),
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
