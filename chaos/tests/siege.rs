//! Bad neighbours in small; `cargo run --release -p chaos --bin siege` is the large form.

use std::time::Duration;

use chaos::siege::attack::Attack;
use chaos::siege::{Spec, run};
use local::programs::Programs;

const SOCKETS: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn honest_clients_lose_nothing_to_bad_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(&Spec {
        programs: Programs::find().unwrap(),
        folder: folder.path().join("run"),
        sockets: SOCKETS,
        hands: 10,
        period: Duration::from_secs(1),
        deadline: Duration::from_secs(1),
    })
    .await
    .unwrap();
    assert!(outcome.violations().is_empty(), "{outcome}");

    // The attacks were what they are called, and each was answered as it should be.
    for (attack, fates) in [
        (Attack::Silence, ["cut off after"].as_slice()),
        (Attack::SlowHeads, &["cut off after"]),
        (Attack::NoConnect, &["closed with 4000"]),
        (Attack::Knocking, &["connected"]),
        (Attack::Headers, &["431"]),
        (
            Attack::Bombs,
            &[
                "a body beyond the bound: closed with 1009",
                "a header line without end: closed with 1009",
                "headers without end: closed with 1009",
                "a message of 2^62 octets: closed with 1009",
                "a message of endless parts: closed with 1009",
                "a compressed frame: closed with 1002",
            ],
        ),
        (Attack::ForgedTokens, &["closed with 4003"]),
        (Attack::Subscribing, &["RATE_LIMITED", "ERROR RATE_LIMITED"]),
        (
            Attack::Sending,
            &["RECEIPT", "RATE_LIMITED", "ERROR RATE_LIMITED"],
        ),
    ] {
        let round = outcome
            .rounds
            .iter()
            .find(|round| round.attack == Some(attack));
        let tally = &round.unwrap().tally;
        for fate in fates {
            let met = tally.keys().any(|met| met.starts_with(fate));
            assert!(met, "{fate:?} of {}: {tally:?}", attack.name());
        }
    }
}
