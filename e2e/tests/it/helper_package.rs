//! The TypeScript helper package (`clients/js`): its own tests, with a real system that they break as they go.

use std::io::Write;

use local::tools::project_folder;

use crate::support::script::run_node;
use crate::support::world::{Database, Plan, World};

#[tokio::test]
async fn the_helper_package_keeps_its_word() {
    let mut world = World::start(Plan::wide(Database::Sqlite)).await;
    let unit = tests_in("test/unit");
    let system = tests_in("test/system");
    assert!(!unit.is_empty() && !system.is_empty());
    let files: Vec<&str> = unit.iter().chain(&system).map(String::as_str).collect();
    // One file after the other, since they break the same gateways; a test that fails may leave timers behind.
    let settings = ["--test", "--test-concurrency=1", "--test-force-exit"];
    let arguments = [&settings, files.as_slice()].concat();
    run_node("clients/js", &arguments, &[], &mut world).await;
}

/// What tokens are signed with; the gateway wants at least 32 octets.
const SECRET: &str = "a secret of this test and of nobody else";

#[tokio::test]
async fn the_helper_package_renews_its_token() {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    secret.write_all(SECRET.as_bytes()).unwrap();
    let secret_file = secret.path().to_str().unwrap();
    let settings = [
        "--auth",
        "jwt",
        "--jwt-secret-file",
        secret_file,
        "--jwt-leeway",
        "0s",
    ];
    let mut world = World::start(Plan {
        gateway_args: settings.map(str::to_owned).to_vec(),
        ..Plan::small(Database::Sqlite)
    })
    .await;
    let arguments = ["--test", "--test-force-exit", "test/token/token.test.mjs"];
    let secret = [("JWT_SECRET", SECRET)];
    run_node("clients/js", &arguments, &secret, &mut world).await;
}

/// Node.js versions differ in what they take a folder for, so it gets the files.
fn tests_in(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(project_folder().join("clients/js").join(folder)).unwrap();
    let mut files: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".test.mjs"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    files.sort();
    files
}
