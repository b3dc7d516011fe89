//! Half a minute of chaos with a fixed seed, against the programs that `cargo build` left beside this test;
//! `make test` builds them first. `make chaos` is the long form.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, helpers included"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use chaos::run::{Spec, run};
use local::system::Programs;
use local::tools;

/// Its plan has kills and stops of every kind of process, and cuts of every kind of link.
const SEED: u64 = 20;
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
        programs: Programs {
            nats_server: tools::find_nats_server().unwrap(),
            persister: built("persister"),
            gateway: built("gateway"),
        },
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

/// A program of this workspace.
fn built(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    // target/debug/deps/short_run-<hash>
    let program = this.ancestors().nth(2).unwrap().join(name);
    assert!(
        program.is_file(),
        "{} is not built; `make test` builds it first, and so does `cargo build --bins`",
        program.display()
    );
    program
}
