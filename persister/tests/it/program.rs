//! The binary: exit codes, the line that says it serves, and what it prints.

use std::process::{Command, Output};

use crate::support::daemon::Daemon;
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

#[tokio::test]
async fn it_says_when_it_serves_and_ends_cleanly_when_told_to() {
    let rig = Rig::start(Kind::Sqlite).await;
    let (daemon, ready) = Daemon::start(&rig, 1);
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

#[test]
fn a_database_that_nobody_migrated_is_called_that() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/other.db?mode=rwc", folder.path().display());
    let file = folder.path().join("export.ndjson");
    std::fs::write(&file, "").unwrap();
    for arguments in [&["chats", "list"][..], &["import", file.to_str().unwrap()]] {
        let output = output(&[arguments, &["--database-url", &url]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("`persister migrate`"), "{said}");
    }
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
        serde_json::json!({"id": 250, "country": "UA", "chat_type": "GROUP", "members": 0, "name": "Kyiv walks"})
    );
    let private = [
        "chats",
        "add",
        "--country",
        "UA",
        "--name",
        "Two",
        "--private",
    ];
    let members = ["--member", "7", "--member", "8"];
    assert_eq!(said(&[&private[..], &members].concat()), "251\n");
    let table = said(&["chats", "list"]);
    let two = table.lines().last().unwrap();
    let columns: Vec<_> = two.split_whitespace().collect();
    assert_eq!(columns, ["251", "UA", "PRIVATE", "2", "Two"]);
    let public = [
        "chats",
        "add",
        "--country",
        "UA",
        "--name",
        "x",
        "--member",
        "7",
    ];
    assert_eq!(
        output(&public).status.code(),
        Some(64),
        "members of a GROUP"
    );
    assert_eq!(said(&["chats", "remove", "250"]), "");
    let gone = output(&["chats", "remove", "250", "--database-url", url]);
    assert_eq!(gone.status.code(), Some(1));
}
