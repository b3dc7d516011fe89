//! The tables of `docs/protocol.md` against the enums they document: a row too few, too many or different fails.

use gateway::disconnect::Disconnect;
use gateway::stomp::{Command, Version};
use shared::error_code::ErrorCode;

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// The cells of the table under a heading, without its head; code marks are taken off.
fn table(heading: &str) -> Vec<Vec<String>> {
    let start = DOCUMENT
        .lines()
        .skip_while(|line| *line != heading)
        .skip_while(|line| !line.starts_with('|'));
    let rows: Vec<&str> = start
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(!rows.is_empty(), "no table under {heading}");
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.into_iter().map(cells).collect()
}

/// The first columns of a table.
fn columns<const N: usize>(heading: &str) -> Vec<[String; N]> {
    let first = |row: Vec<String>| -> [String; N] { row[..N].to_vec().try_into().unwrap() };
    table(heading).into_iter().map(first).collect()
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

#[test]
fn client_frames_are_documented_with_the_versions_that_know_them() {
    let expected: Vec<[String; 2]> = Command::ALL
        .iter()
        .map(|command| {
            let knows =
                |version: &Version| Command::from_name(command.name(), Some(*version)).is_some();
            let versions = Version::ALL.into_iter().filter(knows).map(Version::name);
            [
                command.name().to_owned(),
                versions.collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    assert_eq!(columns::<2>("## Frames from the client"), expected);
}

#[test]
fn handlers_of_client_frames_exist() {
    for row in table("## Frames from the client") {
        let file = format!("{}/src/{}", env!("CARGO_MANIFEST_DIR"), row[2]);
        assert!(std::path::Path::new(&file).is_file(), "{file}");
    }
}

#[test]
fn close_reasons_are_documented() {
    let expected: Vec<[String; 4]> = Disconnect::ALL
        .iter()
        .map(|reason| {
            [
                reason.name().to_owned(),
                reason.code().to_string(),
                reason.reason().replace("in 0 ms", "in N ms"),
                yes_or_no(reason.reconnect()),
            ]
        })
        .collect();
    assert_eq!(columns::<4>("## Why connections end"), expected);
}

#[test]
fn errors_before_a_close_are_documented() {
    for (reason, row) in Disconnect::ALL.iter().zip(table("## Why connections end")) {
        match (row[4].as_str(), reason.error_message()) {
            // A breach of STOMP has a message of its own.
            ("says which rule" | "says which bound", _) => {}
            (documented, message) => assert_eq!(documented, message.unwrap_or(""), "{reason}"),
        }
    }
}

#[test]
fn error_codes_are_documented() {
    let expected: Vec<[String; 4]> = ErrorCode::ALL
        .iter()
        .map(|code| {
            [
                code.name().to_owned(),
                code.status_name().to_owned(),
                code.status().to_string(),
                yes_or_no(code.retryable()),
            ]
        })
        .collect();
    assert_eq!(columns::<4>("## Error codes"), expected);
}
