//! The binary: exit codes, the line that says it serves, and what it prints.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Kind, Rig};

fn persister(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_persister"));
    command.args(arguments);
    command
}

fn output(arguments: &[&str]) -> Output {
    persister(arguments).output().unwrap()
}

#[test]
fn bad_settings_end_with_64_and_a_sentence() {
    for (arguments, word) in [
        (&["--partitions", "65"][..], "from 1 to 64"),
        (&["--database-url", "mysql://x"], "postgres://"),
        (&["--lease-ttl", "1ms"], "--lease-ttl"),
        (&["--keep-typing", "1h"], "--keep-typing"),
        (&["--keep-membership", "always"], "forever"),
        (&["run", "--log", "x=y=z"], "log filter"),
        (&["chats", "remove", "0"], "positive"),
    ] {
        let output = output(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}

/// A running binary, ended with the test.
struct Daemon(Child);

impl Daemon {
    /// Starts it and waits for the line that says it serves.
    fn start(rig: &Rig) -> (Self, String) {
        let mut child = persister(&["--log-format", "json"])
            .env("NATS_URL", rig.nats.url())
            .env("DATABASE_URL", &rig.database_url)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("\"persister ready\""))
            .expect("it gets ready");
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), ready)
    }

    /// Asks it to stop, and waits for its exit code.
    fn stop(mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        Command::new("kill").arg(&pid).status().unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn it_says_when_it_serves_and_ends_cleanly_when_told_to() {
    let rig = Rig::start(Kind::Sqlite).await;
    let (daemon, ready) = Daemon::start(&rig);
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready["database"], "sqlite");
    assert_eq!(ready["partitions"], 1);
    let admin = ready["admin"].as_str().unwrap();
    assert!(admin.starts_with("127.0.0.1:"), "{admin}");
    assert_eq!(daemon.stop(), Some(0));
}

#[tokio::test]
async fn another_number_of_partitions_ends_with_64() {
    let rig = Rig::start(Kind::Sqlite).await;
    rig.database().await;
    let url = rig.nats.url();
    let output = output(&[
        "--partitions",
        "2",
        "--nats-url",
        &url,
        "--database-url",
        &rig.database_url,
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("set up for 1 partitions"), "{said}");
}

#[tokio::test]
async fn chats_are_listed_added_and_removed() {
    let rig = Rig::start(Kind::Sqlite).await;
    let url = rig.database_url.as_str();
    let said = |arguments: &[&str]| {
        let output = output(&[arguments, &["--database-url", url]].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(said(&["migrate"]), "");
    let added = said(&["chats", "add", "--country", "UA", "--name", "Kyiv walks"]);
    assert_eq!(added, "250\n");
    let table = said(&["chats", "list"]);
    assert!(
        table.lines().nth(1).unwrap().ends_with("Afghanistan"),
        "{table}"
    );
    let json = said(&["chats", "list", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json[249],
        serde_json::json!({"id": 250, "country": "UA", "members": 0, "name": "Kyiv walks"})
    );
    assert_eq!(said(&["chats", "remove", "250"]), "");
    let gone = output(&["chats", "remove", "250", "--database-url", url]);
    assert_eq!(gone.status.code(), Some(1));
}
