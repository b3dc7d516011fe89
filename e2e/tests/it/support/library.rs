//! The client libraries of `e2e/clients`, run by Node.js or Python as `make clients` installed them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use local::tools::project_folder;
use serde_json::Value;
use tokio::process::Command;

use super::within;

/// Where the clients are.
const CLIENTS: &str = "e2e/clients";

/// A client library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// `@stomp/stompjs` 7, over `sockjs-client` where the URL says http.
    Stompjs,
    /// `stompjs` 2.3.3.
    OldStompjs,
    /// `webstomp-client`.
    WebstompClient,
    /// `react-stomp-hooks`.
    ReactStompHooks,
    /// Python's `stomp.py`.
    StompPy,
}

impl Library {
    /// Plays a scenario and returns what the client saw.
    pub(crate) async fn play(self, scenario: &Value) -> Value {
        let mut command = match self {
            Self::Stompjs => javascript("stompjs"),
            Self::OldStompjs => javascript("old-stompjs"),
            Self::WebstompClient => javascript("webstomp-client"),
            Self::ReactStompHooks => javascript("react-stomp-hooks"),
            Self::StompPy => python(),
        };
        run(command.arg(scenario.to_string())).await
    }
}

/// Runs the client that `make run` recommends to a person.
pub(crate) async fn run_by_hand(url: &str, chat: i64, user: i64) -> Value {
    let arguments = [url, &chat.to_string(), &user.to_string()];
    run(node(CLIENTS).arg("four-events.mjs").args(arguments)).await
}

/// A document of the contract, read by the parser that its readers use; it must find nothing wrong.
pub(crate) async fn parse_document(kind: &str, file: &Path) -> Value {
    let mut command = node("e2e/contract");
    let mut read = run(command.args(["read.mjs", kind]).arg(file)).await;
    assert_eq!(read["faults"], serde_json::json!([]), "{}", file.display());
    read["document"].take()
}

fn javascript(library: &str) -> Command {
    let mut command = node(CLIENTS);
    command.args(["play.mjs", library]);
    command
}

/// Node.js in one of the folders that `make clients` installs packages in.
fn node(folder: &str) -> Command {
    let folder = project_folder().join(folder);
    needed(&folder.join("node_modules"));
    let mut command = Command::new("node");
    command.current_dir(folder);
    command
}

/// A kind of program in `docs/clients.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// A module for Node.js that has `openChat`.
    JavaScript,
    /// The same, on top of `clients/js`.
    HelperPackage,
    /// A module with hooks for React.
    React,
    /// A module for Python that has `Chat`.
    Python,
    /// A source file that the JDK runs.
    Java,
}

impl Recipe {
    /// Where it finds what it imports.
    pub(crate) fn folder(self) -> PathBuf {
        let folder = match self {
            // The package knows itself by its name.
            Self::HelperPackage => "clients/js",
            _ => CLIENTS,
        };
        project_folder().join(folder)
    }

    /// The end of its file's name.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::JavaScript | Self::HelperPackage | Self::React => ".mjs",
            Self::Python => ".py",
            Self::Java => ".java",
        }
    }

    /// What runs it, given its file, the gateway's URL, a chat and a user.
    pub(crate) fn command(self) -> Command {
        match self {
            Self::JavaScript => node_with("recipe.mjs"),
            Self::HelperPackage => {
                needed(&self.folder().join("dist"));
                node_with("recipe.mjs")
            }
            Self::React => node_with("recipe-react.mjs"),
            Self::Python => {
                let mut command = interpreter();
                command.arg("recipe.py");
                command
            }
            Self::Java => {
                let mut command = Command::new("java");
                command.current_dir(self.folder());
                command
            }
        }
    }
}

fn node_with(script: &str) -> Command {
    let mut command = node(CLIENTS);
    command.arg(script);
    command
}

fn python() -> Command {
    let mut command = interpreter();
    command.arg("stomp_py.py");
    command
}

fn interpreter() -> Command {
    let python = project_folder().join(".local/python/bin/python");
    needed(&python);
    let mut command = Command::new(python);
    command.current_dir(project_folder().join(CLIENTS));
    command
}

fn needed(installed: &Path) {
    assert!(
        installed.exists(),
        "{} is missing; `make tools` installs what the clients need",
        installed.display()
    );
}

/// What a client printed; fails with all of it if the client did.
async fn run(command: &mut Command) -> Value {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = within("the client's end", output)
        .await
        .expect("node is on PATH; `make clients` installs it");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{printed}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}:\n{printed}"))
}
