//! The playground in a real browser: what a newcomer sees, and what is left when gateways go.

use local::tools::find_playground;

use crate::support::script::run_node;
use crate::support::world::{Database, Plan, World};

/// What tokens are signed with; the gateway wants at least 32 octets.
const SECRET: &str = "a secret of this test and of nobody else";

#[tokio::test]
async fn a_newcomer_sees_all_of_it() {
    let folder = find_playground().expect("`make playground` builds the page");
    let mut world = World::start(Plan {
        gateway_args: vec![
            "--playground".to_owned(),
            folder.to_str().unwrap().to_owned(),
        ],
        ..Plan::wide(Database::Sqlite)
    })
    .await;
    let arguments = ["--test", "--test-force-exit", "playground.test.mjs"];
    run_node("e2e/browser", &arguments, &[], &mut world).await;
}

#[tokio::test]
async fn whoever_has_a_token_is_let_in_and_hears_of_its_end() {
    let folder = find_playground().expect("`make playground` builds the page");
    let folder = folder.to_str().unwrap();
    let args = [
        "--playground",
        folder,
        "--auth",
        "jwt",
        "--jwt-secret",
        SECRET,
        "--jwt-leeway",
        "0s",
    ];
    let mut world = World::start(Plan {
        gateway_args: args.map(str::to_owned).to_vec(),
        ..Plan::small(Database::Sqlite)
    })
    .await;
    let arguments = ["--test", "--test-force-exit", "tokens.test.mjs"];
    run_node(
        "e2e/browser",
        &arguments,
        &[("JWT_SECRET", SECRET)],
        &mut world,
    )
    .await;
}
