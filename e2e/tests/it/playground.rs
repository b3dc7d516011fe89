//! The playground in a real browser: what a newcomer sees, and what is left when gateways go.

use local::tools::find_playground;

use crate::support::script::run_node;
use crate::support::world::{Database, Plan, World};

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
