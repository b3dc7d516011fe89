//! Half a minute of chaos with a fixed seed, against the programs that `cargo build` left beside this test;
//! `make test` builds them first. `make chaos` is the long form.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chaos::plan::{Blow, Lane, Plan};
use chaos::program::Report;
use chaos::run::{Spec, run};
use local::programs::Programs;
use local::tools;

/// Its plan strikes every kind of process and link; a test below sees to that.
const SEED: u64 = 2645;
const LENGTH: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn half_a_minute_of_chaos_breaks_no_promise() {
    // Temporary folders are for their owner alone, and PostgreSQL may have to run as somebody else.
    let folder = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let summary = run(Spec {
        seed: SEED,
        length: LENGTH,
        programs: Programs::find().unwrap(),
        postgres_programs: tools::find_postgres().unwrap(),
        folder: folder.path().join("run"),
    })
    .await
    .unwrap();
    // The logs are all there is to find out why.
    assert!(
        summary.is_clean(),
        "{summary}kept in {}",
        folder.keep().display()
    );
}

#[test]
fn its_plan_kills_and_stops_every_kind_of_process_and_cuts_every_kind_of_link() {
    assert_eq!(struck(SEED), [true; 12]);
}

/// Of each kind of process whether it is killed and whether it is stopped, of each kind of link whether it is cut.
fn struck(seed: u64) -> [bool; 12] {
    let plan = Plan::new(seed, LENGTH);
    let some = |lane: fn(&Lane) -> bool, blow: fn(&Blow) -> bool| {
        let mut lanes = plan.lanes.iter().filter(|(its, _)| lane(its));
        lanes.any(|(_, faults)| faults.iter().any(|fault| blow(&fault.blow)))
    };
    let killed = |blow: &Blow| matches!(blow, Blow::Kill { .. });
    let stopped = |blow: &Blow| matches!(blow, Blow::Stop { .. });
    let cut = |blow: &Blow| matches!(blow, Blow::Cut { .. });
    let gateway = |lane: &Lane| matches!(lane, Lane::Gateway(_));
    let persister = |lane: &Lane| matches!(lane, Lane::Persister(_));
    let nats = |lane: &Lane| matches!(lane, Lane::Nats);
    let postgres = |lane: &Lane| matches!(lane, Lane::Postgres);
    [
        some(gateway, killed),
        some(gateway, stopped),
        some(persister, killed),
        some(persister, stopped),
        some(nats, killed),
        some(nats, stopped),
        some(postgres, killed),
        some(postgres, stopped),
        some(|lane| matches!(lane, Lane::ClientLink(_)), cut),
        some(|lane| matches!(lane, Lane::NatsLink { .. }), cut),
        some(|lane| matches!(lane, Lane::PersisterNatsLink { .. }), cut),
        some(|lane| matches!(lane, Lane::DatabaseLink(_)), cut),
    ]
}
