//! ACK and NACK: named as each version names messages, in all modes, in transactions (STOMP 1.2, "ACK", "NACK").

use crate::support::script::{Client, VERSIONS, VIOLATION, check_lines, join};
use crate::support::{fresh_chat, gateway};

const UNKNOWN: &str = "ERROR|message:There is no such message to acknowledge|receipt-id:r";

/// A subscriber and the headers of the only message it got.
struct Got {
    client: Client,
    message_id: i64,
    ack: Option<String>,
}

async fn got(version: &str, mode: &str) -> Got {
    let chat = fresh_chat();
    let mut client = Client::connected(gateway().await, version).await;
    let line = format!("SUBSCRIBE|id:a|destination:/countries/{chat}/events|ack:{mode}|receipt:s");
    client.check(&line, &["RECEIPT|receipt-id:s"]).await;
    client.send(&join(chat, "")).await;
    let message = client.next().await;
    let header = |name: &str| {
        let (_, rest) = message.split_once(&format!("|{name}:"))?;
        Some(rest.split('|').next().unwrap().to_owned())
    };
    let message_id = header("message-id").unwrap().parse().unwrap();
    let ack = header("ack");
    Got {
        client,
        message_id,
        ack,
    }
}

impl Got {
    /// The headers that acknowledge the message so many ids after the one that came.
    fn naming(&self, version: &str, later: i64) -> String {
        let id = self.message_id + later;
        match version {
            "1.0" => format!("|message-id:{id}"),
            "1.1" => format!("|message-id:{id}|subscription:a"),
            _ => {
                let (_, number) = self
                    .ack
                    .as_deref()
                    .unwrap_or("-1")
                    .rsplit_once('-')
                    .unwrap();
                format!("|id:{id}-{number}")
            }
        }
    }
}

const MODES: [&str; 3] = ["auto", "client", "client-individual"];

/// Every version with the modes and commands it knows.
fn combinations() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let all = VERSIONS.into_iter().flat_map(|version| {
        let commands = ["ACK", "NACK"].into_iter();
        commands
            .flat_map(move |command| MODES.into_iter().map(move |mode| (version, command, mode)))
    });
    all.filter(|(version, command, mode)| {
        *version != "1.0" || (*command == "ACK" && *mode != "client-individual")
    })
}

#[tokio::test]
async fn a_message_that_came_can_be_acknowledged_even_twice_and_after_unsubscribe() {
    for (version, command, mode) in combinations() {
        let mut got = got(version, mode).await;
        let line = format!("{command}{}|receipt:r", got.naming(version, 0));
        let receipt = ["RECEIPT|receipt-id:r"];
        got.client.check(&line, &receipt).await;
        got.client.check(&line, &receipt).await;
        got.client
            .check("UNSUBSCRIBE|id:a|receipt:r", &receipt)
            .await;
        got.client.check(&line, &receipt).await;
    }
}

#[tokio::test]
async fn a_message_that_never_came_cannot_be_acknowledged() {
    for (version, command, mode) in combinations() {
        let mut got = got(version, mode).await;
        let line = format!("{command}{}|receipt:r", got.naming(version, 1_000_000));
        got.client.check(&line, &[UNKNOWN, VIOLATION]).await;
    }
}

#[tokio::test]
async fn nothing_can_be_acknowledged_before_the_first_message() {
    for (version, line) in [
        ("1.0", "ACK|message-id:1|receipt:r"),
        ("1.1", "ACK|message-id:1|subscription:a|receipt:r"),
        ("1.1", "NACK|message-id:1|subscription:a|receipt:r"),
        ("1.2", "ACK|id:1-1|receipt:r"),
        ("1.2", "NACK|id:1-1|receipt:r"),
    ] {
        let subscribe = format!(
            "SUBSCRIBE|id:a|destination:/countries/{}/events|ack:client",
            fresh_chat()
        );
        check_lines(version, &[&subscribe, line], &[UNKNOWN, VIOLATION]).await;
        check_lines(version, &[line], &[UNKNOWN, VIOLATION]).await;
    }
}

#[tokio::test]
async fn what_names_no_message_is_a_violation() {
    for (version, headers) in [
        ("1.0", "|message-id:x"),
        ("1.0", "|message-id:"),
        ("1.0", "|message-id:-1"),
        ("1.1", "|message-id:x|subscription:a"),
        ("1.1", "|message-id:1|subscription:b"),
        ("1.2", "|id:x"),
        ("1.2", "|id:"),
        ("1.2", "|id:1-"),
        ("1.2", "|id:-1"),
        ("1.2", "|id:1-99"),
        ("1.2", "|id:99999999999999999999-1"),
    ] {
        let mut got = got(version, "client").await;
        got.client
            .check(&format!("ACK{headers}|receipt:r"), &[UNKNOWN, VIOLATION])
            .await;
    }
}

#[tokio::test]
async fn the_headers_of_each_version_are_required() {
    for (version, headers, missing) in [
        ("1.0", "|id:1-1", "message-id"),
        ("1.1", "|message-id:1", "subscription"),
        ("1.1", "|subscription:a", "message-id"),
        ("1.1", "|id:1-1|subscription:a", "message-id"),
        ("1.2", "|message-id:1|subscription:a", "id"),
    ] {
        for command in ["ACK", "NACK"] {
            if (version, command) == ("1.0", "NACK") {
                continue;
            }
            let error = format!("ERROR|message:{command} needs the header {missing}|receipt-id:r");
            let line = format!("{command}{headers}|receipt:r");
            check_lines(version, &[&line], &[&error, VIOLATION]).await;
        }
    }
}

#[tokio::test]
async fn nack_came_with_1_1() {
    let error = "ERROR|message:Unknown command|receipt-id:r||Unknown command: NACK";
    check_lines("1.0", &["NACK|message-id:1|receipt:r"], &[error, VIOLATION]).await;
}

#[tokio::test]
async fn acknowledgements_may_be_part_of_a_transaction() {
    for (version, command, mode) in combinations() {
        let mut got = got(version, mode).await;
        got.client
            .check("BEGIN|transaction:t|receipt:b", &["RECEIPT|receipt-id:b"])
            .await;
        let line = format!(
            "{command}{}|transaction:t|receipt:r",
            got.naming(version, 0)
        );
        got.client.send(&line).await;
        let expected = ["RECEIPT|receipt-id:r", "RECEIPT|receipt-id:c"];
        got.client
            .check("COMMIT|transaction:t|receipt:c", &expected)
            .await;
        let unknown = "ERROR|message:There is no transaction with this id|receipt-id:r";
        got.client.check(&line, &[unknown, VIOLATION]).await;
    }
}

#[tokio::test]
async fn error_messages_can_be_acknowledged_too() {
    let line = "SUBSCRIBE|id:e|destination:/user/queue/errors|ack:client";
    let mut client = Client::connected(gateway().await, "1.2").await;
    client.send(line).await;
    client.send("SEND|destination:/x||{}").await;
    let message = client.next().await;
    assert!(message.contains("|ack:error-1-1"), "{message}");
    client
        .check("ACK|id:error-1-1|receipt:r", &["RECEIPT|receipt-id:r"])
        .await;
    client
        .check("ACK|id:error-2-1|receipt:r", &[UNKNOWN, VIOLATION])
        .await;
}
