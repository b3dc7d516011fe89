//! Tests written in JavaScript, run by Node.js against a system that was started here and that they may break.

use std::io::{Read, Seek};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use local::tools::project_folder;
use tokio::process::Command;
use tokio::time::timeout;

use super::control::Control;
use super::world::World;

/// Longest run of a script, which holds many tests with deadlines of their own.
const SCRIPT_MAX: Duration = Duration::from_secs(150);

/// Runs `node ARGUMENTS…` in a folder of the project, with these environment variables beside those that name the
/// gateways and the door to break them. The script fails by its exit code.
pub(crate) async fn run_node(
    folder: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
    world: &mut World,
) {
    let folder = project_folder().join(folder);
    needed(&folder.join("node_modules"));
    let control = Control::open().await;
    let gateways: Vec<String> = (world.system.gateways.iter())
        .map(|gateway| gateway.listen().to_string())
        .collect();
    let mut said = tempfile::tempfile().unwrap();
    let mut script = Command::new("node")
        .args(arguments)
        .current_dir(folder)
        .env("GATEWAYS", gateways.join(","))
        .envs(variables.iter().copied())
        .env("CONTROL", control.address().to_string())
        .stdin(Stdio::null())
        .stdout(said.try_clone().unwrap())
        .stderr(said.try_clone().unwrap())
        .kill_on_drop(true)
        .spawn()
        .expect("node is on PATH");
    let ended = tokio::select! {
        ended = timeout(SCRIPT_MAX, script.wait()) => ended,
        never = control.serve(world) => match never {},
    };
    let well = matches!(&ended, Ok(Ok(status)) if status.success());
    let mut text = String::new();
    said.rewind().unwrap();
    said.read_to_string(&mut text).unwrap();
    assert!(well, "node {arguments:?}: {ended:?}\n{text}");
}

fn needed(installed: &Path) {
    assert!(
        installed.exists(),
        "{} is missing; `make clients` installs what the scripts need",
        installed.display()
    );
}
